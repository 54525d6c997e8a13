ARG BASE
ARG UV
FROM ${UV} AS tools
FROM ${BASE}
WORKDIR /srv/repo
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,from=tools,source=/uv,target=/usr/local/bin/uv \
    --mount=type=bind,source=requirements.txt,target=/tmp/requirements.txt \
    export SSL_CERT_FILE=/run/secrets/ca UV_LINK_MODE=copy \
 && uv pip install --python /opt/app/bin/python --no-deps --require-hashes --compile-bytecode \
    --requirements /tmp/requirements.txt
COPY --link source /srv/repo
CMD ["jupyterhub-singleuser"]
