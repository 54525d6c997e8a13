ARG BASE
FROM ${BASE}
RUN --mount=type=bind,from=tools,source=/,target=/tmp/tools \
    python3 -m venv --without-pip /opt/app \
 && wheel=$(echo /tmp/tools/pip-*.whl) \
 && /opt/app/bin/python "$wheel/pip" install --no-index --no-cache-dir "$wheel"
ENV PATH=/opt/app/bin:$PATH
