# Sourced: keeps .tools/bin/NAME (a link to a real component that runs) or .tools/missing/NAME (the sentence why there is none).
# shellcheck shell=bash
mkdir -p .tools/bin .tools/missing

# have NAME: the component is there and runs.
have() {
  [ -x ".tools/bin/$1" ] && ".tools/bin/$1" --version >/dev/null 2>&1
}

# keep NAME PROGRAM: from now on NAME is this program, if it runs.
keep() {
  ln -sfn "$2" ".tools/bin/$1"
  have "$1" || { rm -f ".tools/bin/$1"; return 1; }
  rm -f ".tools/missing/$1"
}

# keep_from_path NAME PROGRAM...: the first of these programs on PATH that runs.
keep_from_path() {
  local name=$1 program
  shift
  for program in "$@"; do
    if program=$(type -P "$program") && keep "$name" "$program"; then return; fi
  done
  return 1
}

# lack NAME LOG: record the first complaint of the log as the reason; a missing component fails no make, its tests tell of it.
lack() {
  local reason
  reason=$(grep -m 1 -E '^(E|sudo): ' <<<"$2" || tail -n 1 <<<"$2")
  echo "${reason:-no reason given}" >".tools/missing/$1"
  echo "$1 could not be had: ${reason:-no reason given}" >&2
}
