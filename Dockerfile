# The service as a container: `docker build --build-arg BASE=registry.example.org/python:3.11 --target service .`
# BASE is any image with Python 3.11 or later and pip; nothing else is taken from it.
ARG BASE
FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY service ./service
RUN python3 -m venv /opt/hublish && /opt/hublish/bin/python -m pip install --no-cache-dir .

FROM ${BASE} AS service
COPY --from=build /opt/hublish /opt/hublish
# Any user of group 0 will do: the service writes to its data folder only.
RUN mkdir -p /var/lib/hublish && chown 1000:0 /var/lib/hublish && chmod 0770 /var/lib/hublish
ENV PATH=/opt/hublish/bin:$PATH \
    HOME=/var/lib/hublish \
    HUBLISH_SETTINGS=/etc/hublish/settings.yaml \
    PYTHONUNBUFFERED=1
USER 1000:0
VOLUME /var/lib/hublish
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["hublish"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
