/** Data of the gateway in a component: read when it appears, again when something changed, and never after it left. */
import { batch, type ReadonlySignal, type Signal, useSignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { healed } from "./connection.ts";
import { listen, type LiveType } from "./live.ts";

/** What was read, as signals. */
export interface Resource<T> {
  /** The last good answer; it stays while a newer one is on its way. */
  data: Signal<T | undefined>;
  /** Why the last try failed. */
  error: ReadonlySignal<Error | undefined>;
  loading: ReadonlySignal<boolean>;
  /** Reads again. */
  reload: () => void;
}

/** When a resource is read again. */
export interface ResourceOptions {
  /** Live events after which it is; many at once count as one. */
  on?: readonly LiveType[];
  /** For how many ms events count as one. Default 400; more where reading costs the gateway something. */
  gather?: number;
  /** What `load` depends on: another value reads again, and drops what was read for the old one. */
  by?: readonly (string | number | boolean | undefined)[];
  /** Also after this many ms. */
  every?: number;
}

const MANY = 400;

/**
 * Reads with `load`, whose signal is aborted when the component goes or a newer reading starts:
 * `const clients = useResource((signal) => call(api.clients.$get({ query: {} }, { init: { signal } })), { on: ["keys"] })`
 */
export function useResource<T>(
  load: (signal: AbortSignal) => Promise<T>,
  { on = [], by = [], every, gather = MANY }: ResourceOptions = {},
): Resource<T> {
  const data = useSignal<T>();
  const error = useSignal<Error>();
  const loading = useSignal(true);
  const running = useRef<AbortController | undefined>(undefined);
  const latest = useRef(load);
  latest.current = load;

  const reload = useCallback(() => {
    running.current?.abort();
    const { signal } = running.current = new AbortController();
    loading.value = true;
    const settle = (outcome: { read: T } | { failure: Error }) => {
      if (signal.aborted) return;
      batch(() => {
        if ("read" in outcome) data.value = outcome.read;
        error.value = "failure" in outcome ? outcome.failure : undefined;
        loading.value = false;
      });
    };
    latest.current(signal).then((read) => settle({ read }), (failure) => settle({ failure }));
  }, []);

  const isOld = useRef(false);
  useEffect(() => {
    if (isOld.current) data.value = undefined;
    isOld.current = true;
    reload();
    return () => running.current?.abort();
  }, [...by, reload]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = () => timer ??= setTimeout(() => (timer = undefined, reload()), gather);
    const stops = [listen(on, soon), healed.subscribe((times) => void (times > 0 && soon()))];
    const clock = every === undefined ? undefined : setInterval(() => document.hidden || reload(), every);
    return () => {
      stops.forEach((stop) => stop());
      clearTimeout(timer);
      clearInterval(clock);
    };
  }, [on.join(), every, gather, reload]);

  return { data, error, loading, reload };
}

/** A message for a person, of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
