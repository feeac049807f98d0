/**
 * What changes at the gateway while the panel is open, by one stream of events for the whole panel. Lost
 * connections are taken up again, from the last event where the browser can, and else everything is read anew.
 */
import { computed, effect, signal } from "@preact/signals";
import { connectionFailed, connectionWorks, healed } from "./connection.ts";
import { session } from "./session_state.ts";

/** What an event is about. */
export type LiveType = "log" | "settings" | "keys" | "health" | "stats" | "pictures" | "jobs" | "clients";
/** One event; what else is in it depends on its type. */
export type LiveEvent = { type: LiveType } & Record<string, unknown>;

const TYPES: LiveType[] = ["log", "settings", "keys", "health", "stats", "pictures", "jobs", "clients"];
const LONGEST_PAUSE = 15_000;
const OVERLAP = 1000;
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

/** How many show the log: the stream brings it along only then, since it can be much. */
const logReaders = signal(0);
const bringsLog = computed(() => logReaders.value > 0);

/** Grows when a stream that brings the log has begun: what was written before that did not come with it. */
export const logBegun = signal(0);

/**
 * Whether this tab can be seen. A hidden one lets its stream go, and so does a page that was left and is kept for
 * "back": without HTTP/2 a browser has six connections to a gateway, for all tabs together, and the seventh waits.
 */
const isSeen = signal(!document.hidden);
document.addEventListener("visibilitychange", () => isSeen.value = !document.hidden);

/** Hears each entry of the log as it is written, until what it gives is called. */
export function listenToLog(hear: (entry: LiveEvent) => void): () => void {
  const stop = listen(["log"], hear);
  logReaders.value++;
  return () => {
    stop();
    // The next page may show the log as well.
    setTimeout(() => logReaders.value--, OVERLAP);
  };
}

/** Opens the stream while somebody is logged in and looks. To be called once. */
export function followGateway(): void {
  let wasHidden = false;
  effect(() => {
    if (session.value !== "in") return;
    if (!isSeen.value) {
      wasHidden = true;
      return;
    }
    const hasLog = bringsLog.value;
    const address = hasLog ? "/api/live?log=trace" : "/api/live";
    let pause = 1000;
    let source: EventSource | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isFirst = true;
    let isOver = false;
    const open = () => {
      source = new EventSource(address);
      source.addEventListener("message", tell);
      for (const type of TYPES) source.addEventListener(type, tell);
      source.addEventListener("open", () => {
        pause = 1000;
        connectionWorks();
        // The stream is a new one, and knows nothing of what was missed.
        if (!isFirst || wasHidden) healed.value++;
        isFirst = wasHidden = false;
        if (hasLog) logBegun.value++;
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
      clearTimeout(timer);
      const old = source;
      // The one that takes its place begins before this one ends, so that nothing falls between them.
      if (session.peek() === "in" && isSeen.peek()) setTimeout(() => old?.close(), OVERLAP);
      else old?.close();
    };
  });
}
