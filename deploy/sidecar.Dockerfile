# The sidecar. Build from the root of the repository:
#   docker build -f deploy/sidecar.Dockerfile -t tulle/sidecar .
FROM node:26.10.0-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run -s build

FROM node:26.10.0-bookworm-slim
# Certificate and last good configuration; the rest of the file system may be read-only.
RUN mkdir -p /var/lib/tulle && chown 1000:1000 /var/lib/tulle
COPY --from=build /src/dist/sidecar /opt/tulle/sidecar
COPY deploy/healthcheck.mjs /opt/tulle/healthcheck.mjs
USER 1000:1000
VOLUME ["/var/lib/tulle"]
# Outbound, inbound, readiness.
EXPOSE 15001 15006 15021
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["node", "/opt/tulle/healthcheck.mjs", "http://127.0.0.1:15021/healthz/ready"]
# One arena for malloc: a small process of few threads needs no more, and each holds 1 to 2 MB.
ENV MALLOC_ARENA_MAX=1
ENTRYPOINT ["node", "--single-threaded-gc", "--no-maglev", "--max-semi-space-size=4", "--heap-growing-percent=30", "/opt/tulle/sidecar/main.js", "--data-dir", "/var/lib/tulle"]
CMD ["--help"]
