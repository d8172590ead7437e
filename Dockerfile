# The bridge: `docker build -t grantbridge .`, then `docker run grantbridge --help`.
# Settings are read from /etc/bridge/bridge.toml; keys and the SQLite store live in /var/lib/bridge.

FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/bridge \
 && /opt/bridge/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY bridge bridge
RUN /opt/bridge/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/bridge bridge \
 && chmod 700 /var/lib/bridge \
 && install -d -o bridge /var/lib/bridge-public
COPY --from=build /opt/bridge /opt/bridge
ENV PATH=/opt/bridge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BRIDGE_CONFIG=/etc/bridge/bridge.toml
USER bridge
WORKDIR /var/lib/bridge
VOLUME /var/lib/bridge
# 8600 is for browsers and Google, 8601 for backends and IdPs: only the second one serves tokens.
EXPOSE 8600 8601
ENTRYPOINT ["bridge"]
CMD ["serve"]
