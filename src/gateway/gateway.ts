/** The engine that every endpoint calls: plans requests, runs them, and knows which of them run. */
import type { ImageRequest } from "../core/request.ts";
import { plan, type PlanOptions, planRelay, type Step } from "../routing/plan.ts";
import type { Budget } from "./budget.ts";
import type { Caller } from "./caller.ts";
import { Run, type RunOptions } from "./run.ts";
import type { Circumstances, Result } from "./story.ts";

/** What the gateway is made of. */
export interface GatewayOptions extends RunOptions {
  planning: () => Omit<PlanOptions, "dice" | "latencyOf" | "allowed">;
}

/** The engine: makes images for whoever asks. */
export class Gateway {
  readonly #running = new Set<Promise<void>>();
  #endedAt = -Infinity;

  constructor(private readonly options: GatewayOptions) {}

  /** What clients have used. */
  get budget(): Budget {
    return this.options.budget;
  }

  /** How many requests run now. */
  get inFlight(): number {
    return this.#running.size;
  }

  /** For how many ms no request has run. */
  get idleFor(): number {
    return this.inFlight > 0 ? 0 : this.options.clock.now() - this.#endedAt;
  }

  /**
   * Plans a request without asking anybody, so that what is wrong with it can be told before a stream begins.
   * @param trial other dice, and who hears of what was left out, for those who only want to know
   * @throws Failed
   */
  plan(
    request: ImageRequest,
    caller: Caller,
    trial: Partial<Pick<PlanOptions, "dice" | "onLeftOut">> = {},
  ): Step[] {
    const { health, dice, planning } = this.options;
    const options: PlanOptions = {
      ...planning(),
      dice,
      ...trial,
      latencyOf: (route) => health.state(route).latencyMs,
      allowed: caller.mode === "backend" ? caller.client : undefined,
    };
    return caller.mode === "relay" ? planRelay(request, caller.provider, options) : plan(request, options);
  }

  /**
   * Makes the images of `steps` and keeps them.
   * @throws CascadeFailed or Failed, after the story was remembered
   */
  run(
    request: ImageRequest,
    steps: readonly Step[],
    caller: Caller,
    circumstances: Circumstances,
  ): Promise<Result> {
    const order = { request, steps, caller, circumstances };
    const running = new Run(this.options, order, (work) => this.#follow(work)).make();
    this.#follow(running);
    return running;
  }

  /** Resolves when all requests that run now have ended, and their stories are told. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  #follow(running: Promise<unknown>): void {
    const end = () => {
      this.#endedAt = this.options.clock.now();
      this.#running.delete(ended);
    };
    const ended = running.then(end, end);
    this.#running.add(ended);
  }
}
