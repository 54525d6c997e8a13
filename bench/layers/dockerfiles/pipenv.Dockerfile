ARG BASE
FROM ${BASE}
WORKDIR /srv/repo
COPY Pipfile Pipfile.lock /tmp/lock/
ARG PIPENV
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache \
    export PIP_CERT=/run/secrets/ca REQUESTS_CA_BUNDLE=/run/secrets/ca \
 && pip install "pipenv==${PIPENV}" \
 && cd /tmp/lock && pipenv install --system --deploy
COPY source /srv/repo
CMD ["jupyterhub-singleuser"]
