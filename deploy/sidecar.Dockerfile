# The sidecar, and beside it meshctl, whose `capture apply` is what the init container of a pod runs. Build from the root of the
# repository:
#   docker build -f deploy/sidecar.Dockerfile -t tulle/sidecar .
FROM node:26.10.0-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run -s build

FROM node:26.10.0-bookworm-slim
# For `meshctl capture` alone, which runs as root with NET_ADMIN; the sidecar itself calls neither.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends iptables iproute2 \
  && rm -rf /var/lib/apt/lists/*
# Certificate and last good configuration; the rest of the file system may be read-only. In a pod it is /var/lib/istio/data, a volume.
RUN mkdir -p /var/lib/tulle && chown 1337:1337 /var/lib/tulle
COPY --from=build /src/dist/sidecar /opt/tulle/sidecar
COPY --from=build /src/dist/meshctl /opt/tulle/meshctl
COPY deploy/healthcheck.mjs /opt/tulle/healthcheck.mjs
# tulle-sidecar (with the flags of Node) and meshctl, on the PATH.
COPY deploy/bin /usr/local/bin
# Rules of capture let this user's traffic through: nothing else in a pod may run as it.
USER 1337:1337
VOLUME ["/var/lib/tulle"]
# Outbound, inbound, status, readiness, metrics.
EXPOSE 15001 15006 15020 15021 15090
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["node", "/opt/tulle/healthcheck.mjs", "http://127.0.0.1:15021/healthz/ready"]
# One arena for malloc: a small process of few threads needs no more, and each holds 1 to 2 MB.
ENV MALLOC_ARENA_MAX=1
ENV TULLE_DATA_DIR=/var/lib/tulle
ENTRYPOINT ["tulle-sidecar"]
CMD ["--help"]
