ARG BASE
FROM ${BASE}
WORKDIR /srv/repo
COPY requirements.txt /tmp/lock/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,from=tools,source=/uv,target=/usr/local/bin/uv \
    export SSL_CERT_FILE=/run/secrets/ca UV_LINK_MODE=copy \
 && uv pip install --python /opt/app/bin/python --no-deps --require-hashes --compile-bytecode \
    --requirements /tmp/lock/requirements.txt
COPY source /srv/repo
CMD ["jupyterhub-singleuser"]
