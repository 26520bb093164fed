# The base is best pinned by digest; docs/deployment.md says how. It must have glibc, which the pinned wheels are built for.
ARG BASE=docker.io/library/python:3.13-slim-trixie

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements/build.txt requirements/runtime.txt requirements/
# A mirror's address, and a password in it, come as a secret of the build and so stay out of every layer.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m pip install --only-binary=:all: --require-hashes -r requirements/build.txt \
 && python -m venv --without-pip /opt/screenshotmax-exporter \
 && python -m pip --python /opt/screenshotmax-exporter/bin/python install --only-binary=:all: --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN python -m pip wheel --no-index --no-deps --no-build-isolation --wheel-dir dist . \
 && python -m pip --python /opt/screenshotmax-exporter/bin/python install --no-index --no-deps dist/*.whl

FROM ${BASE} AS trimmed
# What a daemon never runs goes; nothing may gain rights. The slim base comes without compiled modules, and a read-only
# root cannot take them, so each start would compile anew: they are made here, without what only longer tracebacks need.
RUN rm -rf /usr/local/bin/pip* /usr/local/bin/idle* /usr/local/bin/pydoc* /usr/local/include /usr/local/lib/pkgconfig \
    /usr/local/lib/python3.*/site-packages/* \
 && find /usr/local/lib/python3.* -maxdepth 1 -type d -regextype egrep \
    -regex '.*/(config-.*|ensurepip|idlelib|lib2to3|pydoc_data|test|tkinter|turtledemo)' -exec rm -rf {} + \
 && find / -xdev -type f -perm /6000 -exec chmod ug-s {} + \
 && install -d /etc/screenshotmax-exporter \
 && install -d -m 0770 -o 65534 -g 0 /var/lib/screenshotmax-exporter
COPY --from=build /opt/screenshotmax-exporter /opt/screenshotmax-exporter
COPY config.example.yaml LICENSE /usr/share/doc/screenshotmax-exporter/
RUN python -X no_debug_ranges -m compileall -qq --invalidation-mode unchecked-hash /usr/local/lib /opt/screenshotmax-exporter

FROM scratch
# One layer of what is left, so that what was removed is not in a layer below it.
# hadolint ignore=DL3067
COPY --from=trimmed / /
ENV PATH=/opt/screenshotmax-exporter/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ARG BASE
ARG VERSION=unknown
ARG REVISION=unknown
ARG BRANCH=unknown
ARG CREATED=1970-01-01T00:00:00Z
# What the version text and screenshotmax_exporter_build_info tell.
ENV SCREENSHOTMAX_EXPORTER_REVISION=${REVISION} SCREENSHOTMAX_EXPORTER_BRANCH=${BRANCH}
LABEL org.opencontainers.image.title="screenshotmax-exporter" \
      org.opencontainers.image.description="Prometheus exporter that tells when a ScreenshotMAX scheduled task silently stops running" \
      org.opencontainers.image.source="https://github.com/screenshotmax-exporter/screenshotmax-exporter" \
      org.opencontainers.image.url="https://github.com/screenshotmax-exporter/screenshotmax-exporter" \
      org.opencontainers.image.documentation="https://github.com/screenshotmax-exporter/screenshotmax-exporter/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="The screenshotmax-exporter authors" \
      org.opencontainers.image.authors="The screenshotmax-exporter authors" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}"
# A number, since Kubernetes cannot tell of a name that it is not root. Any other will do.
USER 65534:65534
WORKDIR /etc/screenshotmax-exporter
EXPOSE 10142
# With a web.yaml beside the configuration it asks by TLS or tells that passwords are on; one that became invalid stops neither.
HEALTHCHECK --interval=30s --timeout=10s --start-period=15s \
  CMD ["sh", "-c", "f=/etc/screenshotmax-exporter/web.yaml; [ ! -e $f ] || set -- --web.config.file=$f; exec screenshotmax-exporter healthcheck $@"]
ENTRYPOINT ["screenshotmax-exporter"]
CMD ["--config.file=/etc/screenshotmax-exporter/config.yaml"]
