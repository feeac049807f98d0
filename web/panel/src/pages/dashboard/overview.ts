/** What the dashboard knows, and what follows from it in a few words. */
import type { InferResponseType } from "hono/client";
import type { api } from "../../api.ts";
import type { Tone } from "../../parts/signs.tsx";

export type Overview = InferResponseType<typeof api.overview.$get, 200>;
export type Stats = InferResponseType<typeof api.stats.$get, 200>;
export type Summary = Overview["lastHour"];

/** The one sentence that says how it is. */
export type Verdict = "making" | "quiet" | "some" | "most" | "nobody";

/** What each of them means. */
export const VERDICT_TONES: Record<Verdict, Tone> = {
  making: "good",
  quiet: "info",
  some: "warn",
  most: "bad",
  nobody: "bad",
};

/** Shares of delivered requests from which on it is still well, and no disaster. */
const WELL = 0.95;
const SOME = 0.5;

/** How many keys somebody put in. */
function ownKeys({ keys, keyless }: Overview["providers"][number]): number {
  return keys.total - Number(keyless);
}

/** How it is. */
export function verdictOf({ lastHour, modes, providers }: Overview): Verdict {
  const pools = providers.filter((provider) => provider.state !== "off" && ownKeys(provider) > 0);
  if (modes.backend && pools.length > 0 && pools.every(({ state }) => state !== "ok")) return "nobody";
  if (lastHour.successRate === null) return "quiet";
  if (lastHour.successRate >= WELL) return "making";
  return lastHour.successRate >= SOME ? "some" : "most";
}

/** Which kind of failure was the most frequent. */
export function worstKind({ failureKinds }: Summary): string | undefined {
  return Object.entries(failureKinds).sort(([, a], [, b]) => b - a)[0]?.[0];
}

/** Which first steps were taken. */
export function stepsOf({ storage, lastHour, recentFailures, providers, modes }: Overview) {
  return {
    picture: storage.pictures > 0 || lastHour.requests > 0 || recentFailures.length > 0,
    keys: providers.some((provider) => ownKeys(provider) > 0),
    client: modes.backend,
  };
}
