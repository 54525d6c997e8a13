# hublish as a container: `docker build --build-arg BASE=registry.example.org/python:3.11 --target service .`
#
# BASE is any image with Python 3.11 or later; one without pip needs apt. `build` needs a Debian, for its buildah.
# What the package index of the place needs is there while building and stays in no layer: `--secret id=pip,src=pip.conf`
# (its index, its login), and `--secret id=authorities,src=ca.crt`, which pip.conf names as /run/secrets/authorities.
ARG BASE

# What hublish stands on changes seldom, so it is a layer of its own. An empty package stands in for the program.
FROM ${BASE} AS dependencies
ARG EXTRAS=tekton,postgres
ENV PIP_CONFIG_FILE=/run/secrets/pip
RUN python3 -c 'import ensurepip' 2>/dev/null || \
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3-venv; }
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/hublish
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
RUN mkdir -p service/hublish && echo '__version__ = "0"' >service/hublish/__init__.py
# The asyncio twin of the Kubernetes client is never imported and a quarter of all.
RUN --mount=type=secret,id=pip --mount=type=secret,id=authorities \
    pip="/opt/pip/bin/python -m pip --python /opt/hublish/bin/python" && \
    $pip install --no-cache-dir ".[${EXTRAS}]" && \
    $pip uninstall --yes hublish && \
    rm -rf /opt/hublish/lib/python3*/site-packages/kubernetes/aio && \
    for folder in /opt/hublish/lib/python3*/site-packages; do echo /opt/program >"$folder/program.pth"; done

FROM dependencies AS program
COPY service ./service
RUN --mount=type=secret,id=pip --mount=type=secret,id=authorities \
    /opt/pip/bin/python -m pip --python /opt/hublish/bin/python install --no-cache-dir --no-deps --target /opt/program .

# The service, and the Steps that fetch, push and build layered images: no root, no compiler.
FROM ${BASE} AS service
# Any user of group 0 will do: the service writes to its data folder only.
RUN mkdir -p /var/lib/hublish && chown 1000:0 /var/lib/hublish && chmod 0770 /var/lib/hublish
ENV PATH=/opt/program/bin:/opt/hublish/bin:$PATH \
    HOME=/var/lib/hublish \
    HUBLISH_SETTINGS=/etc/hublish/settings.yaml \
    PYTHONUNBUFFERED=1
USER 1000:0
VOLUME /var/lib/hublish
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["hublish"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
COPY --from=dependencies /opt/hublish /opt/hublish
COPY --from=program /opt/program /opt/program

# The Step that builds from Dockerfiles, as UID 0 of its pod: the program and buildah.
FROM ${BASE} AS build
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends buildah fuse-overlayfs runc uidmap && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig /var/log/apt /var/log/dpkg.log && \
    echo 'root:1:65535' | tee /etc/subuid >/etc/subgid
ENV PATH=/opt/program/bin:/opt/hublish/bin:$PATH \
    PYTHONUNBUFFERED=1
ENTRYPOINT ["hublish"]
COPY --from=dependencies /opt/hublish /opt/hublish
COPY --from=program /opt/program /opt/program
