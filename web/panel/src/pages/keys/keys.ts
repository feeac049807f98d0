/** What the page of keys reads and changes. */
import type { InferRequestType, InferResponseType } from "hono/client";
import { api, call } from "../../api.ts";

/** A key, masked. */
export type Key = InferResponseType<typeof api.keys.$get, 200>["data"][number];
/** What may become of it. */
export type KeyState = Key["state"];
/** The counts of one pool. */
export type Counts = InferResponseType<typeof api.keys.summary.$get, 200>["total"];
/** What to do with keys. */
export type Action = InferRequestType<typeof api["key-pool"]["$post"]>["json"];

/** The states, the good one first. */
export const STATES = ["ready", "resting", "dead", "disabled"] as const satisfies KeyState[];
/** How each looks. */
export const TONES = { ready: "good", resting: "warn", dead: "bad", disabled: "quiet" } as const;

/** Which keys are shown. */
export interface Filter {
  provider?: string;
  state?: KeyState;
  q?: string;
}

/** One page of the listing. */
export function readPage(filter: Filter, after: string | undefined, signal: AbortSignal) {
  return call(api.keys.$get({ query: { ...filter, after, limit: "200" } }, { init: { signal } }));
}

/** The ids of all keys that a filter finds, and those of them that can't be changed. */
export function readIds(filter: Filter): Promise<{ ids: string[]; fixed: string[] }> {
  return call(api.keys.ids.$get({ query: { ...filter } }));
}

/** Does something with keys. */
export function act(action: Action) {
  return call(api["key-pool"].$post({ json: action }));
}

/** Saves a text as a file of the visitor's. */
export function download(name: string, content: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "text/plain" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
