/** Waits that grow: between tries of one request, and before a key or a route is asked again. */
import { ExponentialBackoff, type IBackoff, noJitterGenerator } from "cockatiel";
import type { Dice } from "./clock.ts";

/** Bounds of a growing wait, in ms. */
export interface Growth {
  first: number;
  most: number;
}

/** The wait after the `count`th time in a row, in ms: `first`, doubling up to `most`. */
export function growingPause({ first, most }: Growth, count: number): number {
  let backoff: IBackoff<unknown> = new ExponentialBackoff({
    initialDelay: first,
    maxDelay: most,
    generator: noJitterGenerator,
  }).next();
  // Twenty doublings reach any bound that is in use, so a count that ran away costs nothing.
  for (let step = 1; step < Math.min(count, 20); step++) backoff = backoff.next(undefined);
  return backoff.duration;
}

/** The same with chance in it, between half and all of it, so that clients that failed together don't return together. */
export function jitteredPause(growth: Growth, count: number, dice: Dice): number {
  return Math.round(growingPause(growth, count) * (1 + dice()) / 2);
}
