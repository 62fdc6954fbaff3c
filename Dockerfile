# Workers of tive for the CPU: TensorFlow's library and its addon are built in, nothing is fetched when they start.
# `docker build --tag tive:0.1.0 .`; see docs/operations.md. The second stage holds neither compiler nor Python.

FROM node:22.20.0-bookworm-slim AS build
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates g++ python3 python3-pip \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build
ENV TIVE_CACHE=/tmp/tive-cache
RUN node setup/image.mjs /opt/tensorflow

FROM node:22.20.0-bookworm-slim
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates \
  && rm -rf /var/lib/apt/lists/* \
  && mkdir -p /data /cache \
  && chown 1000:1000 /data /cache
WORKDIR /app
COPY --from=build /opt/tensorflow /opt/tensorflow
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/package.json ./
COPY --from=build /app/setup/tive.mjs /app/setup/bootstrap.mjs ./setup/
COPY --from=build /app/engines/torch ./engines/torch
COPY --from=build /app/examples/demo ./examples/demo
ENV NODE_ENV=production TIVE_CACHE=/cache TIVE_TENSORFLOW_DIR=/opt/tensorflow TIVE_GPU=0
USER 1000:1000
WORKDIR /data
VOLUME /data
EXPOSE 9464
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 CMD ["node", "-e", "fetch('http://127.0.0.1:9464/metrics').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/setup/tive.mjs"]
CMD ["worker", "all", "--metrics", "0.0.0.0:9464", "--log-format", "json"]
