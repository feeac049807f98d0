/** A check of many keys: how far it is, and what came of it. */
import { type ReadonlySignal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { apiFetch } from "../../api.ts";

/** How far a check is. */
export interface Progress {
  total: number;
  done: number;
  good: number;
  bad: number;
  /** It can't be known without buying a picture. */
  unknown: number;
  /** How many keys, by what is wrong with them. */
  reasons: ReadonlyMap<string, number>;
  isRunning: boolean;
}

/** A check that ends with the page. */
export interface Checking {
  progress: ReadonlySignal<Progress | undefined>;
  /** Checks keys, until all are or somebody stops it. @throws ApiError */
  start: (ids: readonly string[]) => Promise<void>;
  cancel: () => void;
  /** Takes the result away. */
  close: () => void;
}

interface Checked {
  id: string;
  ok: boolean | null;
  reason?: string;
}

/** A check for a page to show. */
export function useChecking(): Checking {
  const progress = useSignal<Progress | undefined>(undefined);
  const running = useRef<AbortController | undefined>(undefined);
  const cancel = () => running.current?.abort();
  useEffect(() => cancel, []);
  return {
    progress,
    cancel,
    close: () => progress.value = undefined,
    start: async (ids) => {
      cancel();
      const { signal } = running.current = new AbortController();
      const total = ids.length;
      progress.value = { total, done: 0, good: 0, bad: 0, unknown: 0, reasons: new Map(), isRunning: true };
      try {
        for await (const checked of results(ids, signal)) progress.value = added(progress.value!, checked);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        if (progress.value) progress.value = { ...progress.value, isRunning: false };
      }
    },
  };
}

/** Results as they come, all of one piece of the reply together. */
async function* results(ids: readonly string[], signal: AbortSignal): AsyncGenerator<Checked[]> {
  const { body } = await apiFetch("/api/keys/check", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ids }),
    signal,
  });
  let rest = "";
  const pieces = body!.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await pieces.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop()!;
    yield lines.map((line): Checked => JSON.parse(line));
  }
}

function added(before: Progress, checked: readonly Checked[]): Progress {
  const after = { ...before, reasons: new Map(before.reasons), done: before.done + checked.length };
  for (const { ok, reason = "" } of checked) {
    if (ok === true) after.good++;
    else if (ok === false) after.bad++;
    else after.unknown++;
    if (ok !== true) after.reasons.set(reason, (after.reasons.get(reason) ?? 0) + 1);
  }
  return after;
}
