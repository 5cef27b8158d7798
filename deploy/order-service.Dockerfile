# Orders, payments, inventory and their traffic generator: one image, the command says which. Build from the root of the repository:
#   docker build -f deploy/order-service.Dockerfile -t tulle/order-service .
FROM node:26.10.0-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
# Node itself and native code of the mesh are the optional ones: an application of the mesh needs neither.
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:26.10.0-bookworm-slim
# The databases; the rest of the file system may be read-only.
RUN mkdir -p /var/lib/order-service && chown 1000:1000 /var/lib/order-service
WORKDIR /opt/tulle
COPY --from=build /src/node_modules ./node_modules
COPY package.json ./
COPY order-service ./order-service
COPY deploy/healthcheck.mjs ./healthcheck.mjs
ENV DATA_DIR=/var/lib/order-service HOST=0.0.0.0 PORT=8080
USER 1000:1000
VOLUME ["/var/lib/order-service"]
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["node", "healthcheck.mjs", "http://127.0.0.1:8080/ready"]
ENTRYPOINT ["node"]
CMD ["order-service/orders/main.ts"]
