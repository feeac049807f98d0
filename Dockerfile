# The npm package of Deno carries the binary, so one registry is enough to build this image.
FROM node:22-slim AS build
WORKDIR /app
RUN npm install --global --ignore-scripts deno@2.9.6
COPY . .
RUN deno install --frozen && deno task panel && rm -rf node_modules
# Only what the program itself imports; the packages of the tests and of the panel's build stay out.
RUN deno install --frozen --entrypoint main.ts && cp "$(deno eval 'console.log(Deno.execPath())')" /usr/local/bin/deno-binary

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home imgrouter \
 && mkdir /data && chown imgrouter /data
COPY --from=build /usr/local/bin/deno-binary /usr/local/bin/deno
COPY --from=build --chown=imgrouter /app /app
USER imgrouter
WORKDIR /app
ENV DATA_DIR=/data
VOLUME /data
EXPOSE 10001
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["deno", "eval", "const port = Deno.env.get('PORT') ?? 10001; const { ok } = await fetch(`http://127.0.0.1:${port}/health/ready`); Deno.exit(ok ? 0 : 1)"]
CMD ["deno", "task", "start"]
