/** The ways to order routes, side by side: each takes routes and gives them in the order to ask. */
import type { Dice } from "../core/clock.ts";
import type { ImageRequest } from "../core/request.ts";
import type { Route } from "./catalogue.ts";

/** What a strategy may look at. */
export interface Situation {
  request: ImageRequest;
  dice: Dice;
  /** Recent time to an image of a route in ms, where one is known. */
  latencyOf(route: Route): number | undefined;
  /** Price of an image of the request as the route would make it, in US-dollars, where it is known. */
  priceOf(route: Route): number | undefined;
}

/** Orders routes; never adds or drops one. */
export type Strategy = (routes: readonly Route[], situation: Situation) => Route[];

/** All strategies by their name in the configuration. */
export const STRATEGIES = { cascade, weighted, latency, cost, quality } as const satisfies Record<
  string,
  Strategy
>;

/** The name of a strategy. */
export type StrategyName = keyof typeof STRATEGIES;

/** Higher weight first, equals in random order. */
function cascade(routes: readonly Route[], { dice }: Situation): Route[] {
  return shuffled(routes, dice).sort((a, b) => b.weight - a.weight);
}

/** Drawn one after the other, in proportion to their weights. */
function weighted(routes: readonly Route[], { dice }: Situation): Route[] {
  const rest = [...routes];
  const drawn: Route[] = [];
  while (rest.length > 0) {
    const total = rest.reduce((sum, route) => sum + route.weight, 0);
    let ball = dice() * total;
    const index = rest.findIndex((route) => (ball -= route.weight) < 0);
    drawn.push(...rest.splice(Math.max(0, index), 1));
  }
  return drawn;
}

/** Fastest lately first; one that was never measured goes before all, once. */
function latency(routes: readonly Route[], situation: Situation): Route[] {
  return cascade(routes, situation).sort((a, b) =>
    (situation.latencyOf(a) ?? 0) - (situation.latencyOf(b) ?? 0)
  );
}

/** Cheapest first, unknown prices last. */
function cost(routes: readonly Route[], situation: Situation): Route[] {
  const price = (route: Route) => situation.priceOf(route) ?? Number.MAX_VALUE;
  return cascade(routes, situation).sort((a, b) => price(a) - price(b));
}

const PHOTOREALISTIC = /photo-?\s?realis|photograph|\brealistic\b|\bphoto\b|写实|寫實|照片|摄影|攝影|真实感/i;

/** Best-rated first where the wish is photorealistic or asks for enhancers, else cheapest first. */
function quality(routes: readonly Route[], situation: Situation): Route[] {
  const { request } = situation;
  const wantsBest = request.qualityEnhancers.length > 0 || request.style === "realistic" ||
    PHOTOREALISTIC.test(request.prompt);
  if (!wantsBest) return cost(routes, situation);
  return cascade(routes, situation).sort((a, b) => (b.model.rating ?? 0) - (a.model.rating ?? 0));
}

function shuffled<T>(items: readonly T[], dice: Dice): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(dice() * (last + 1));
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}
