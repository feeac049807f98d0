/** The whole program: reads the configuration, builds the app, serves it, stops it. */
import { createApp, IDENTITIES } from "./src/app.ts";
import { describeFault, type Fault } from "./src/config/fault.ts";
import { loadConfig } from "./src/config/load.ts";
import { configureLog, logger } from "./src/log/log.ts";
import { serve } from "./src/serve.ts";

const loaded = await loadConfig({ providers: IDENTITIES });
if (!loaded.ok) exitWith(loaded.faults);
const { logLevel, logFormat } = loaded.config.system;
const log = configureLog({ level: logLevel, format: logFormat });
const app = await createApp({ loaded, ring: log.ring });
if ("faults" in app) {
  await log[Symbol.asyncDispose]();
  exitWith(app.faults);
}

// One request's fault must not end all others, which may have been paid for.
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  logger("app").error("Unhandled: {error}", { error: event.reason });
});
const watching = new AbortController();
app.settings.subscribe(({ system }) => log.setLevel(system.logLevel));
void app.settings.watch(watching.signal, {
  onFault: (faults) =>
    faults.forEach((fault) =>
      logger("settings").error("{fault}; the last good settings stay", { fault: describeFault(fault) })
    ),
});
await serve(app);
watching.abort();
await app[Symbol.asyncDispose]();
await log[Symbol.asyncDispose]();
Deno.exit(0);

function exitWith(faults: Fault[]): never {
  for (const fault of faults) console.error(describeFault(fault));
  Deno.exit(2);
}
