# The control plane, with meshctl beside it. Build from the root of the repository:
#   docker build -f deploy/control-plane.Dockerfile -t tulle/control-plane .
FROM node:26.10.0-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run -s build

FROM node:26.10.0-bookworm-slim
# Keys, admin socket and state; the rest of the file system may be read-only.
RUN mkdir -p /var/lib/tulle /credentials && chown 1000:1000 /var/lib/tulle /credentials
COPY --from=build /src/dist/control-plane /opt/tulle/control-plane
COPY --from=build /src/dist/meshctl /opt/tulle/meshctl
COPY deploy/healthcheck.mjs /opt/tulle/healthcheck.mjs
COPY deploy/bin/meshctl /usr/local/bin/meshctl
ENV TULLE_DATA_DIR=/var/lib/tulle
USER 1000:1000
VOLUME ["/var/lib/tulle"]
# xDS and certificates; on Kubernetes webhooks and metrics; admin API (metrics too).
EXPOSE 15012 15017 15014 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["node", "/opt/tulle/healthcheck.mjs", "http://127.0.0.1:8080/ready"]
# On Kubernetes the Deployment gives other flags: manifests/control-plane/deployment.yaml.
ENTRYPOINT ["node", "/opt/tulle/control-plane/main.js", "--data-dir", "/var/lib/tulle"]
CMD ["--config-dir", "/etc/tulle/config", "--xds-tls", "0.0.0.0:15012", "--xds-plaintext", "off"]
