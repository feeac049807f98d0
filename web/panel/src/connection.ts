/** One answer to "does the gateway hear us?", for the whole panel. Whoever notices a change says it here. */
import { signal } from "@preact/signals";

/** `lost` after the first thing that did not get through, `ok` after the first that did. */
export const connection = signal<"ok" | "lost">("ok");
/** Grows when the connection is back, or the live stream had a gap: what is shown may be old. */
export const healed = signal(0);

const PAUSE = 2000;

/** Something did not get through: the gateway is asked until it answers. */
export function connectionFailed(): void {
  if (connection.value === "lost") return;
  connection.value = "lost";
  setTimeout(ask, PAUSE);
}

/** Something got through. */
export function connectionWorks(): void {
  if (connection.value === "ok") return;
  connection.value = "ok";
  healed.value++;
}

async function ask(): Promise<void> {
  if (connection.value === "ok") return;
  const answer = await fetch("/api/auth/session", { cache: "no-store" }).catch(() => undefined);
  // A proxy that stands before a gateway that is away answers too.
  if (answer?.ok) connectionWorks();
  else setTimeout(ask, PAUSE);
}
