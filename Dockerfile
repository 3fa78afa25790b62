# Builds two images: `host` (the default) is the session host on Fargate. `whole` runs everything in one process, for
# docker-compose.yml. tests/infra runs these steps without Docker.
FROM node:24.21.0-bookworm-slim AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends ffmpeg tini ca-certificates curl \
 && curl --fail --silent --show-error --output /etc/ssl/rds.pem https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem \
 && apt-get purge -y curl && apt-get autoremove -y && rm -rf /var/lib/apt/lists/*
WORKDIR /app
# See `nodeFlags` in local/gateway/host-process.ts.
ENV NODE_OPTIONS=--max-semi-space-size=8
# tini forwards signals to the program and reaps orphaned ffmpeg processes.
ENTRYPOINT ["tini", "--"]

FROM node:24.21.0-bookworm-slim AS host-build
ENV NODE_ENV=production
WORKDIR /app
COPY package.json package-lock.json ./
COPY patches patches
RUN npm ci --omit=dev && npm cache clean --force
COPY core core
COPY session-host session-host

# Includes the development packages, because the local SQS, S3 and Postgres are among them.
FROM node:24.21.0-bookworm-slim AS whole-build
WORKDIR /app
COPY package.json package-lock.json ./
COPY patches patches
RUN npm ci && npm cache clean --force
COPY core core
COPY functions functions
COPY session-host session-host
COPY local local
COPY simulator simulator

FROM base AS whole
COPY --from=whole-build /app /app
ENV NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data
RUN install --directory --mode=700 --owner=node --group=node /data
VOLUME /data
USER node
EXPOSE 3000
CMD ["node", "local/start.ts"]

FROM base AS host
COPY --from=host-build /app /app
ENV NODE_ENV=production NODE_EXTRA_CA_CERTS=/etc/ssl/rds.pem METRICS_PORT=9464
USER node
CMD ["node", "session-host/main.ts"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=10 CMD ["node", "session-host/health.ts"]
