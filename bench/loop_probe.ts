/**
 * How long an event loop keeps others waiting under load: `/health` is asked at a fixed pace beside it, and does
 * nothing but answer. What that takes is the delay of the loop, and a little more; a gauge of the process itself
 * would say nothing of the time until it is heard.
 */
import { percentile } from "./statistics.ts";

const EVERY_MS = 20;

/** A probe that runs until it is stopped. */
export interface LoopProbe {
  /** @returns the 99th percentile of all answers, in ms */
  stop(): Promise<number>;
}

/** Starts to ask the target at `url`. */
export function probeLoop(url: string): LoopProbe {
  const asked: Promise<number>[] = [];
  // Asked whether or not the one before was answered, so that a long delay is not seen just once.
  const timer = setInterval(() => asked.push(ask(`${url}/health`)), EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      return percentile(await Promise.all(asked), 0.99);
    },
  };
}

async function ask(url: string): Promise<number> {
  const begin = performance.now();
  const reply = await fetch(url);
  await reply.body?.cancel();
  return performance.now() - begin;
}
