/** A key, held for one call: from a pool, waiting in line where all are busy, or the caller's own. */
import type { Clock } from "../core/clock.ts";
import { CONSEQUENCES, type Failure, type FailureKind } from "../core/failure.ts";
import type { Provider } from "../core/provider.ts";
import type { KeyPool, PoolKey, Verdict } from "../routing/key_pool.ts";
import type { Step } from "../routing/plan.ts";

/** A key in the hand; disposing of it frees its slot. */
export interface Lease extends Disposable {
  keyId: string;
  /** As it is told in history and log; never the key. */
  keyName?: string;
  secret: string;
  /** Where this key's calls go, without a slash at the end. */
  baseUrl: string;
  /** Tells what the call came to. */
  settle(failure?: Failure): Verdict;
}

/** Where keys come from. */
export interface Keys {
  /** A key that is not in `tried`, or why there is none. */
  lease(step: Step, tried: ReadonlySet<string>, signal: AbortSignal): Promise<Lease | Failure>;
  /** How many calls of a step could run at once, counted up to `most`. */
  slots(step: Step, most: number): number;
}

/** Whether `lease()` gave a key. */
export function isLease(given: Lease | Failure): given is Lease {
  return "secret" in given;
}

/** The caller's own key: for its provider alone, remembered nowhere. */
export function relayKeys(options: { key: string; baseUrl: string; maxConcurrent: number }): Keys {
  const { key, baseUrl, maxConcurrent } = options;
  const lease: Lease = { keyId: "caller", secret: key, baseUrl, settle: () => ({}), [Symbol.dispose]() {} };
  return {
    lease: (_step, tried) =>
      Promise.resolve(
        tried.has("caller") ? { kind: "at_capacity", message: "the caller brought one key" } : lease,
      ),
    slots: (_step, most) => Math.min(most, maxConcurrent),
  };
}

/** What lending keys of pools depends on. */
export interface PoolKeysOptions {
  clock: Clock;
  pool: (provider: Provider) => KeyPool;
  reveal: (key: PoolKey) => Promise<string>;
  baseUrl: (provider: Provider) => string | undefined;
  /** Callers that may wait for one provider at a time, and how long in ms. */
  queue: () => { length: number; timeoutMs: number };
}

/** Lends keys of the pools; where all are busy, callers stand in line, bounded in length and time. */
export class PoolKeys implements Keys {
  #lines = new Map<string, Set<() => void>>();

  constructor(private readonly options: PoolKeysOptions) {}

  /** How many callers wait for a key, by the name of the provider; those for whom nobody waits are left out. */
  waiting(): Record<string, number> {
    return Object.fromEntries(
      [...this.#lines].flatMap(([provider, line]) => line.size > 0 ? [[provider, line.size]] : []),
    );
  }

  slots(step: Step, most: number): number {
    return this.options.pool(step.route.provider).slots(step.request.model, most);
  }

  async lease(step: Step, tried: ReadonlySet<string>, signal: AbortSignal): Promise<Lease | Failure> {
    const { clock } = this.options;
    const { provider } = step.route;
    const pool = this.options.pool(provider);
    const { timeoutMs } = this.options.queue();
    const until = clock.now() + timeoutMs;
    for (;;) {
      const given = pool.take(step.request.model, tried);
      if (!("kind" in given)) {
        const lease = await this.#hold(provider, pool, given, step.request.model);
        if (lease) return lease;
        continue;
      }
      if (given.kind === "none") {
        return { kind: "at_capacity", message: "no further key is there for this model" };
      }
      if (given.kind === "resting") {
        return {
          kind: kindOf(given.reason),
          message: given.reason,
          retryAfterMs: Math.max(0, given.until - clock.now()),
        };
      }
      const patience = Math.min(until, given.freeAt ?? until) - clock.now();
      if (patience <= 0 && clock.now() >= until) {
        return { kind: "at_capacity", message: `waited ${timeoutMs} ms for a free key` };
      }
      if (!await this.#stand(provider, patience, signal)) {
        return { kind: "at_capacity", message: "too many callers wait already", retryAfterMs: 1000 };
      }
    }
  }

  /** Gives nothing where the secret can't be had: the key was removed, or stored under another SECRET_KEY. */
  async #hold(
    provider: Provider,
    pool: KeyPool,
    key: PoolKey,
    model: string,
  ): Promise<Lease | Failure | undefined> {
    const give = () => {
      pool.give(key.id);
      for (const wake of this.#lines.get(provider.name) ?? []) wake();
    };
    const baseUrl = key.baseUrl ?? this.options.baseUrl(provider);
    if (baseUrl === undefined) {
      give();
      return {
        kind: "unreachable",
        message: `no base URL is set for ${provider.name} or its key ${key.name}`,
      };
    }
    try {
      const secret = await this.options.reveal(key);
      return {
        keyId: key.id,
        keyName: key.name,
        secret,
        baseUrl: baseUrl.replace(/\/+$/, ""),
        settle: (failure) => pool.settle(key.id, model, failure),
        [Symbol.dispose]: give,
      };
    } catch (error) {
      give();
      const message = error instanceof Error ? error.message : String(error);
      pool.settle(key.id, model, { kind: "key_rejected", message });
      return undefined;
    }
  }

  /** Waits for a slot or `ms`; false where the line is full already. */
  async #stand(provider: Provider, ms: number, signal: AbortSignal): Promise<boolean> {
    const line = this.#lines.get(provider.name) ?? new Set();
    this.#lines.set(provider.name, line);
    if (line.size >= this.options.queue().length) return false;
    const woken = new AbortController();
    const wake = () => woken.abort();
    line.add(wake);
    try {
      await this.options.clock.sleep(ms, AbortSignal.any([signal, woken.signal]));
    } catch {
      signal.throwIfAborted();
    } finally {
      line.delete(wake);
    }
    return true;
  }
}

/** What brought a key to rest; pools write it before the reason. */
function kindOf(reason: string): FailureKind {
  const kind = /^\w+/.exec(reason)?.[0] ?? "";
  return Object.hasOwn(CONSEQUENCES, kind) ? kind as FailureKind : "rate_limited";
}
