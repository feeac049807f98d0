/**
 * Who would be asked for a request, in which order, and who would not and why: the gateway's own plan with
 * fixed dice, and nobody is asked.
 */
import type { Clock, Dice } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import { priceOf } from "../core/price.ts";
import type { Provider } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { sizeText } from "../core/size.ts";
import type { Client } from "../gateway/caller.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { Pools } from "../gateway/pools.ts";
import type { Catalogue, Route } from "../routing/catalogue.ts";
import type { Health } from "../routing/health.ts";
import type { Step } from "../routing/plan.ts";
import type { StrategyName } from "../routing/strategies.ts";
import { stateOf } from "./key_listing.ts";

/** Somebody who would be asked. */
export interface PreviewedStep {
  provider: string;
  model: string;
  weight: number;
  /** How likely it is asked first, from 0 to 1. */
  share: number;
  /** US-dollars an image; absent = unknown. */
  priceUsd?: number;
  latencyMs?: number;
  /** `WxH`, as the model would be asked for it. */
  size?: string;
  keys: { ready: number; total: number };
  /** Why it would be passed over at present, although it is in the plan. */
  skipped?: string;
  /** When that ends, in ms since the epoch. */
  backAt?: number;
  /** What would be changed to suit the model. */
  notes: string[];
}

/** A plan that is only looked at. */
export interface Preview {
  strategy: StrategyName;
  steps: PreviewedStep[];
  leftOut: { provider: string; model?: string; reason: string }[];
  /** What a caller would be told, if nobody could be asked. */
  error?: { message: string; code?: string; param?: string };
}

/** What a preview depends on. */
export interface PreviewOptions {
  gateway: Gateway;
  catalogue: Catalogue;
  providers: readonly Provider[];
  pools: Pools;
  health: Health;
  clock: Clock;
  strategy: StrategyName;
  client: Client;
}

/** Shuffling with it leaves everything in its place. */
const LAST: Dice = () => 1 - 2 ** -32;
/** Enough that each of a dozen equals comes first at least once. */
const TRIALS = 400;

/** Looks at the plan of a request. */
export function previewRouting(request: ImageRequest, options: PreviewOptions): Preview {
  const { gateway, client, strategy } = options;
  const caller = { mode: "backend", client } as const;
  const left = new Map<Provider, { route: Route; reason: string }>();
  const onLeftOut = (route: Route, reason: string) => left.set(route.provider, { route, reason });
  try {
    const steps = gateway.plan(request, caller, { dice: LAST, onLeftOut });
    const shares = strategy === "weighted"
      ? sharesByWeight(steps)
      : sharesOfEquals((dice) => gateway.plan(request, caller, { dice })[0]!.name);
    const shareOf = (step: Step) => shares.get(step.name) ?? 0;
    // Drawing has no order of its own: the likelier stand first.
    const ordered = strategy === "weighted" ? [...steps].sort((a, b) => shareOf(b) - shareOf(a)) : steps;
    return {
      strategy,
      steps: ordered.map((step) => tell(step, shareOf(step), options)),
      leftOut: leftOut(request, steps, left, options),
    };
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    const { message, code, param } = error.failure;
    return {
      strategy,
      steps: [],
      leftOut: leftOut(request, [], left, options),
      error: { message, code, param },
    };
  }
}

function tell(step: Step, share: number, { pools, health, clock }: PreviewOptions): PreviewedStep {
  const { route: { provider, model, weight }, name, request, notes } = step;
  const now = clock.now();
  const { latencyMs, closedUntil, reason } = health.state(name);
  const keys = pools.pool(provider).keys.filter((key) =>
    key.models.length === 0 || key.models.includes(model.id)
  );
  const rests = keys.filter(({ enabled }) => enabled).map((key) => {
    const rest = stateOf(key, now) === "ready" ? key.modelRests[model.id] : key.rest;
    return rest && rest.until > now ? rest : undefined;
  });
  const ready = rests.filter((rest) => rest === undefined).length;
  const first = rests.flatMap((rest) => rest ?? []).sort((a, b) => a.until - b.until)[0];
  const isClosed = closedUntil !== undefined && closedUntil > now;
  const skipped = isClosed
    ? { skipped: `it is being given a rest: ${reason ?? "it kept failing"}`, backAt: closedUntil }
    : ready === 0 && first
    ? { skipped: `all of its keys rest: ${first.reason}`, backAt: first.until }
    : {};
  return {
    provider: provider.name,
    model: model.id,
    weight,
    share: Math.round(share * 1000) / 1000,
    priceUsd: priceOf(model, { count: 1, request }),
    latencyMs,
    size: request.size && sizeText(request.size),
    keys: { ready, total: keys.length },
    ...skipped,
    notes,
  };
}

function sharesByWeight(steps: readonly Step[]): Map<string, number> {
  const total = steps.reduce((sum, { route }) => sum + route.weight, 0);
  return new Map(steps.map(({ name, route }) => [name, total > 0 ? route.weight / total : 1 / steps.length]));
}

/** All strategies but drawing leave chance to equals alone, and there to all of them alike. */
function sharesOfEquals(firstOf: (dice: Dice) => string): Map<string, number> {
  const dice = fixedDice();
  const firsts = new Set(Array.from({ length: TRIALS }, () => firstOf(dice)));
  return new Map([...firsts].map((name) => [name, 1 / firsts.size]));
}

/** Always the same numbers, spread evenly (a linear congruential generator). */
function fixedDice(): Dice {
  let state = 1;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

function leftOut(
  { task, model, provider: only }: ImageRequest,
  steps: readonly Step[],
  left: ReadonlyMap<Provider, { route: Route; reason: string }>,
  { providers, catalogue }: PreviewOptions,
): Preview["leftOut"] {
  const asked = new Set(steps.map(({ route }) => route.provider));
  const enabled = new Set(catalogue.providers);
  const isOpen = only === undefined && /^(auto|default)?$/i.test(model);
  return providers.filter((provider) => !asked.has(provider)).map((provider) => {
    const found = left.get(provider);
    if (found) return { provider: provider.name, model: found.route.model.id, reason: found.reason };
    const reason = !enabled.has(provider)
      ? "it is switched off"
      : isOpen || !catalogue.defaultRoute(provider, task)
      ? "none of its models can do this by itself"
      : "something else was named";
    return { provider: provider.name, reason };
  });
}
