/** Serving: from the first line on the screen to the last running request. */
import type { App } from "./app.ts";
import { listen } from "./http/server.ts";
import { logger } from "./log/log.ts";
import { VERSION } from "./version.ts";

const log = logger("server");

/** Serves `app` until SIGTERM or SIGINT, then lets running requests finish within their grace. */
export async function serve(app: App): Promise<void> {
  const { host, port } = app.settings.current.system;
  const server = await listen(app.http, { host, port });
  greet(app, server.port);
  await stopSignal();
  app.drain();
  const grace = app.settings.current.system.shutdownGrace;
  log.info("Stopping: running requests have {grace} ms to finish", { grace });
  await server.shutdown(grace);
}

/** The one block that is shown at the start. */
function greet(app: App, port: number): void {
  const { system, dataDir, storage } = app.settings.current;
  const modes = Object.entries(app.modes()).filter(([, isOn]) => isOn).map(([mode]) => mode);
  const address = system.publicBaseUrl ??
    `http://${system.host === "0.0.0.0" ? "localhost" : system.host}:${port}`;
  const lines = [
    `ImgRouter ${VERSION}`,
    `  address    ${address}  (documentation: ${address}/docs)`,
    `  modes      ${modes.join(", ") || "none"}`,
    `  providers  ${app.usable().join(", ") || "none with a key"}`,
    `  data       ${dataDir}`,
    `  storage    ${storage.target}`,
  ];
  const { setupToken } = app.sessions;
  if (setupToken !== undefined) {
    lines.push(`  panel      ${address}/admin?setup=${setupToken}  (choose the password here, once)`);
  }
  console.log(lines.join("\n"));
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.removeSignalListener(signal, stop);
      resolve();
    };
    for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, stop);
  });
}
