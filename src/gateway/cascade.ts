/**
 * The walk over a plan: each route in turn, each with its keys, until the images are there. What a failure
 * leads to is read from the table of consequences and nowhere else.
 */
import pMap from "p-map";
import { CONSEQUENCES, Failed, type Failure, type FailureKind, toFailure } from "../core/failure.ts";
import type { Ticket, Usage } from "../core/provider.ts";
import type { Health } from "../routing/health.ts";
import { jitteredPause } from "../core/pause.ts";
import type { Step } from "../routing/plan.ts";
import { type Arrived, attempt, type AttemptOptions, type Outcome, type Shot } from "./attempt.ts";
import { isLease, type Keys, type Lease } from "./lease.ts";

/** One call and what became of it, for history and log. Times in ms from the start of the request. */
export interface Attempt {
  provider: string;
  model: string;
  keyName?: string;
  outcome: "ok" | FailureKind | "skipped";
  status?: number;
  startedMs: number;
  durationMs: number;
  message?: string;
  costUsd?: number;
}

/** A job as it is known at its provider, and with which key it can be asked for. */
export interface AcceptedJob {
  provider: string;
  model: string;
  /** Of the pool's key; `caller` for one that a caller brought, which is not kept. */
  keyId: string;
  baseUrl: string;
  ticket: Ticket;
}

/** What the walk gave. */
export interface Gathered {
  /** At least as many as were asked for; some calls give more. */
  shots: Shot[];
  /** The step that made the first image. */
  step: Step;
  usage?: Usage;
  costUsd?: number;
  /** Pending while the one image is still arriving; what is known then besides. Rejects if it breaks off. */
  arrived?: Promise<Arrived>;
}

/** Thrown when the plan is exhausted or a failure stops it. */
export class CascadeFailed extends Failed {
  /**
   * @param failure the one that decides what the caller is told. @param attempts all of them.
   * @param shots images that were made all the same, and paid for. @param costUsd what they cost.
   */
  constructor(
    failure: Failure,
    readonly attempts: readonly Attempt[],
    readonly shots: readonly Shot[] = [],
    readonly costUsd?: number,
  ) {
    super(failure);
    this.name = "CascadeFailed";
  }
}

/** What a walk depends on. */
export interface CascadeOptions extends Omit<AttemptOptions, "timeoutMs" | "onStatus" | "onAccepted"> {
  keys: Keys;
  timeoutOf: (step: Step) => number;
  /** Absent for a caller who brought a key: they decide for themselves whether to ask a shaky service. */
  health?: Health;
  maxRetries: number;
  retryDelayMs: number;
  /** The longest wait between two rounds, in ms. */
  patienceMs: number;
  /** When the whole request has to be done, in ms since the epoch. */
  deadline: number;
  startedAt: number;
  /** Hears of each attempt as it ends. */
  onAttempt: (attempt: Attempt) => void;
  /** Hears of each job that a provider took on. */
  onAccepted: (job: AcceptedJob) => void;
}

/**
 * Gathers `count` images or more from `steps`, in their order.
 * @throws CascadeFailed where that can't be done
 */
export async function cascade(
  steps: readonly Step[],
  count: number,
  options: CascadeOptions,
): Promise<Gathered> {
  using limit = options.clock.timeout(Math.max(1, options.deadline - options.clock.now()));
  const walk = new Walk(count, options, limit.signal);
  let round = [...steps];
  for (let turn = 1; round.length > 0; turn++) {
    const again: Step[] = [];
    for (const step of round) {
      let failure = await walk.fill(step);
      // A good reply may hold fewer than were asked for, such as the harmless ones alone, but at least one.
      while (!failure && walk.missing > 0) failure = await walk.fill(step);
      if (walk.missing === 0) return walk.gathered;
      if (!failure) continue;
      const { next, again: mayAskAgain } = CONSEQUENCES[failure.kind];
      if (next === "stop") throw walk.failed(failure, true);
      if (mayAskAgain && !(failure.kind === "rate_limited" && !options.health)) again.push(step);
      if (walk.tries > options.maxRetries || options.clock.now() >= options.deadline) {
        throw walk.failed(failure);
      }
    }
    const wait = walk.pause(turn);
    if (again.length === 0 || wait === undefined) break;
    await options.clock.sleep(wait, options.signal).catch(() => {
      throw walk.failed({ kind: "cancelled", message: "the client closed the connection" }, true);
    });
    round = again;
  }
  throw walk.failed();
}

type Told = Omit<Attempt, "provider" | "model" | "startedMs" | "durationMs"> & { startedAt: number };

class Walk {
  readonly #shots: Shot[] = [];
  readonly #attempts: Attempt[] = [];
  readonly #failures: Failure[] = [];
  #firstStep?: Step;
  #usage?: Usage;
  #costUsd: number | undefined = 0;
  #arrived?: Promise<Arrived>;
  /** Routes that were left because of a failure. */
  tries = 0;

  /** @param late aborts at the deadline. */
  constructor(
    private readonly count: number,
    private readonly options: CascadeOptions,
    private readonly late: AbortSignal,
  ) {}

  get missing(): number {
    return Math.max(0, this.count - this.#shots.length);
  }

  get gathered(): Gathered {
    return {
      shots: this.#shots,
      step: this.#firstStep!,
      usage: this.#usage,
      costUsd: this.#costUsd,
      arrived: this.#arrived,
    };
  }

  /** Asks one route for what is missing: several calls side by side where one can't make it all. */
  async fill(step: Step): Promise<Failure | undefined> {
    const { health, clock, keys, signal } = this.options;
    if (health && !health.allows(step.name, clock.now())) return this.#skip(step);
    health?.asked(step.name);
    const { provider, model } = step.route;
    const calls = split(this.missing, provider.imagesPerCall?.(step.request, model) ?? model.maxImages ?? 1);
    const stop = new AbortController();
    const stopSignal = AbortSignal.any([signal, stop.signal]);
    let left: Failure | undefined;
    const run = async (size: number, index: number) => {
      if (left) return;
      const failure = await this.#call(step, size, stopSignal, index === 0);
      if (!failure || left) return;
      left = failure;
      // The same request would end alike everywhere, so calls beside it are not worth their money.
      if (CONSEQUENCES[failure.kind].next === "stop") stop.abort();
    };
    await pMap(calls, run, { concurrency: Math.max(1, keys.slots(step, calls.length)) });
    if (left) {
      this.tries++;
      this.#failures.push(left);
    }
    return left;
  }

  /** One call, with one key after the other where keys are to blame. */
  async #call(
    step: Step,
    size: number,
    signal: AbortSignal,
    hasPreviews: boolean,
  ): Promise<Failure | undefined> {
    const { health, clock } = this.options;
    const tried = new Set<string>();
    let last: Failure | undefined;
    for (;;) {
      const given = await this.#lease(step, tried, signal);
      if (!isLease(given)) {
        health?.undecided(step.name);
        if (!last) this.#tell(step, { outcome: given.kind, message: given.message, startedAt: clock.now() });
        return last ?? given;
      }
      using held = new DisposableStack();
      const lease = held.use(given);
      tried.add(lease.keyId);
      const startedAt = clock.now();
      let status: number | undefined;
      const outcome = await attempt(step, lease, size, {
        ...this.options,
        signal,
        timeoutMs: Math.min(this.options.timeoutOf(step), this.options.deadline - startedAt),
        onPartial: hasPreviews ? this.options.onPartial : undefined,
        onStatus: (code) => status = code,
        onAccepted: (ticket) =>
          this.options.onAccepted({
            provider: step.route.provider.name,
            model: step.route.model.id,
            keyId: lease.keyId,
            baseUrl: lease.baseUrl,
            ticket,
          }),
      });
      if (outcome.ok) {
        lease.settle();
        health?.success(step.name, clock.now() - startedAt);
        this.#take(step, outcome);
        const told = { outcome: "ok" as const, startedAt, status, keyName: lease.keyName };
        if (outcome.arrived) this.#follow(step, outcome.arrived, told, held.move());
        else this.#tell(step, { ...told, costUsd: outcome.costUsd });
        return undefined;
      }
      last = outcome.failure;
      const { kind, message } = last;
      this.#tell(step, {
        outcome: kind,
        startedAt,
        status: last.status ?? status,
        keyName: lease.keyName,
        message,
      });
      const { routeIsToBlame } = lease.settle(last);
      if (routeIsToBlame) {
        health?.trip(step.name, clock.now(), routeIsToBlame, last.retryAfterMs);
        return last;
      }
      if (CONSEQUENCES[kind].blamesRoute) health?.failure(step.name, clock.now(), `${kind}: ${message}`);
      else health?.undecided(step.name);
      if (CONSEQUENCES[kind].next !== "same route") return last;
    }
  }

  /** A key to ask with, unless the client leaves or the time is over before there is one. */
  async #lease(step: Step, tried: ReadonlySet<string>, signal: AbortSignal): Promise<Lease | Failure> {
    const { keys, clock, deadline } = this.options;
    try {
      const given = await keys.lease(step, tried, AbortSignal.any([signal, this.late]));
      if (!isLease(given) || clock.now() < deadline) return given;
      given[Symbol.dispose]();
      return { kind: "timed_out", message: "no key was free within the request's time" };
    } catch (thrown) {
      return toFailure(thrown, signal, this.late);
    }
  }

  /** Holds the key until an image that was handed on early has arrived, and tells then how the call ended. */
  #follow(step: Step, arrived: Promise<Arrived>, told: Told, held: DisposableStack): void {
    this.#arrived = arrived.then((last) => {
      this.#tell(step, { ...told, costUsd: last.costUsd });
      return last;
    }, (thrown) => {
      const { kind, message } = toFailure(thrown, this.options.signal, this.late);
      this.#tell(step, { ...told, outcome: kind, message });
      if (CONSEQUENCES[kind].blamesRoute) {
        this.options.health?.failure(step.name, this.options.clock.now(), `${kind}: ${message}`);
      }
      throw thrown;
    }).finally(() => held.dispose());
    this.#arrived.catch(() => {});
  }

  #take(step: Step, outcome: Outcome & { ok: true }): void {
    this.#firstStep ??= step;
    this.#shots.push(...outcome.shots);
    this.#costUsd = this.#costUsd === undefined || outcome.costUsd === undefined
      ? undefined
      : this.#costUsd + outcome.costUsd;
    if (outcome.usage) this.#usage = added(this.#usage, outcome.usage);
  }

  #skip(step: Step): Failure {
    const { clock, health } = this.options;
    const { closedUntil, reason } = health!.state(step.name);
    const failure: Failure = {
      kind: "overloaded",
      message: `left alone after failures: ${reason}`,
      retryAfterMs: closedUntil && Math.max(0, closedUntil - clock.now()),
    };
    this.#tell(step, { outcome: "skipped", message: failure.message, startedAt: clock.now() });
    this.#failures.push(failure);
    return failure;
  }

  #tell(step: Step, told: Told): void {
    const { startedAt, ...rest } = told;
    const entry: Attempt = {
      provider: step.route.provider.name,
      model: step.route.model.id,
      startedMs: startedAt - this.options.startedAt,
      durationMs: this.options.clock.now() - startedAt,
      ...rest,
    };
    this.#attempts.push(entry);
    this.options.onAttempt(entry);
  }

  /** How long to wait before another round, or nothing where that would be too long. */
  pause(turn: number): number | undefined {
    const { retryDelayMs, dice, clock, deadline, patienceMs, maxRetries } = this.options;
    if (this.tries > maxRetries) return undefined;
    const asked = this.#failures.filter((failure) => CONSEQUENCES[failure.kind].again).map((failure) =>
      failure.retryAfterMs ?? 0
    );
    const wait = Math.max(
      jitteredPause({ first: retryDelayMs, most: patienceMs }, turn, dice),
      Math.min(...asked),
    );
    return wait <= patienceMs && clock.now() + wait < deadline ? wait : undefined;
  }

  /** What the caller is told in the end: what stopped the walk, else the failure that leaves most hope. */
  failed(failure?: Failure, stopped = false): CascadeFailed {
    const told = failure && stopped ? failure : mostHopeful(this.#failures) ?? failure;
    const none: Failure = { kind: "overloaded", message: "there was nobody to ask" };
    return new CascadeFailed(told ?? none, this.#attempts, this.#shots, this.#costUsd);
  }
}

/** Where all were limited in rate, waiting helps, and the shortest wait is told; otherwise the last failure counts. */
function mostHopeful(failures: Failure[]): Failure | undefined {
  const last = failures.at(-1);
  if (
    !last || !failures.every((failure) => failure.kind === "rate_limited" || failure.kind === "at_capacity")
  ) return last;
  return failures.reduce((best, failure) =>
    (failure.retryAfterMs ?? Infinity) < (best.retryAfterMs ?? Infinity) ? failure : best
  );
}

function split(count: number, most: number): number[] {
  const calls: number[] = [];
  for (let rest = count; rest > 0; rest -= most) calls.push(Math.min(rest, most));
  return calls;
}

function added(a: Usage | undefined, b: Usage): Usage {
  return {
    inputTextTokens: (a?.inputTextTokens ?? 0) + b.inputTextTokens,
    inputImageTokens: (a?.inputImageTokens ?? 0) + b.inputImageTokens,
    outputTokens: (a?.outputTokens ?? 0) + b.outputTokens,
  };
}
