/**
 * What changes at the gateway while the panel is open, by one stream of events for the whole panel. Lost
 * connections are taken up again, from the last event where the browser can, and else everything is read anew.
 */
import { effect } from "@preact/signals";
import { connectionFailed, connectionWorks, healed } from "./connection.ts";
import { session } from "./session_state.ts";

/** What an event is about. */
export type LiveType = "log" | "settings" | "keys" | "health" | "stats" | "pictures" | "jobs";
/** One event; what else is in it depends on its type. */
export type LiveEvent = { type: LiveType } & Record<string, unknown>;

const TYPES: LiveType[] = ["log", "settings", "keys", "health", "stats", "pictures", "jobs"];
const LONGEST_PAUSE = 15_000;
const listeners = new Map<LiveType, Set<(event: LiveEvent) => void>>();

/** Hears events of some types, until what it gives is called. */
export function listen(types: readonly LiveType[], hear: (event: LiveEvent) => void): () => void {
  for (const type of types) {
    const heard = listeners.get(type) ?? new Set();
    listeners.set(type, heard.add(hear));
  }
  return () => types.forEach((type) => listeners.get(type)?.delete(hear));
}

function tell({ data, type }: MessageEvent<string>): void {
  const event = JSON.parse(data) as LiveEvent;
  listeners.get(event.type ?? type)?.forEach((hear) => hear(event));
}

/** Opens the stream while somebody is logged in. To be called once. */
export function followGateway(): void {
  effect(() => {
    if (session.value !== "in") return;
    let pause = 1000;
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isFirst = true;
    let isOver = false;
    const open = () => {
      source = new EventSource("/api/live");
      source.addEventListener("message", tell);
      for (const type of TYPES) source.addEventListener(type, tell);
      source.addEventListener("open", () => {
        pause = 1000;
        connectionWorks();
        // The stream is a new one, and knows nothing of what was missed.
        if (!isFirst) healed.value++;
        isFirst = false;
      });
      source.addEventListener("error", ({ target }) => {
        const { readyState } = target as EventSource;
        if (readyState === EventSource.CONNECTING) {
          connectionFailed();
          return;
        }
        // Refused: the browser won't try again by itself.
        source = undefined;
        timer = setTimeout(again, pause);
        pause = Math.min(pause * 2, LONGEST_PAUSE);
      });
    };
    /** Asks whether the session has ended, which the stream itself doesn't tell, and opens it again if not. */
    const again = async () => {
      const answer = await fetch("/api/auth/session").catch(() => undefined);
      const told: { authenticated?: boolean } | undefined = answer?.ok ? await answer.json() : undefined;
      if (told?.authenticated === false) session.value = "out";
      else if (!isOver) open();
    };
    open();
    return () => {
      isOver = true;
      source?.close();
      clearTimeout(timer);
    };
  });
}
