/**
 * The keys of one provider: which is free, and what an outcome does to it. Keys rotate fairly, the least
 * recently used first; every automatic stop ends by itself, and a pool is never emptied by failures alike.
 */
import type { Clock } from "../core/clock.ts";
import { CONSEQUENCES, type Failure } from "../core/failure.ts";
import { growingPause } from "../core/pause.ts";

/** A stop of a key, for all models or for one. Times in ms since the epoch. */
export interface Rest {
  until: number;
  reason: string;
  /** When it began, where that is known. */
  since?: number;
}

/** A key as it is kept between restarts. */
export interface PoolKey {
  id: string;
  name: string;
  /** Set where this key's service is elsewhere than the provider's. */
  baseUrl?: string;
  /** The only models it is for; empty = all of the provider's. */
  models: readonly string[];
  enabled: boolean;
  rest?: Rest;
  modelRests: Readonly<Record<string, Rest>>;
  /** Stops in a row, by which pauses grow. */
  strikes: number;
  successes: number;
  failures: number;
  lastUsedAt?: number;
  lastError?: string;
}

/** What a key may carry. */
export interface KeyLimits {
  /** Calls at once on one key. */
  maxConcurrent: number;
  requestsPerMinute?: number;
  requestsPerDay?: number;
}

/** Why no key could be given. */
export type Shortage =
  /** Keys are there, and busy: waiting helps. `freeAt` = when a limit of rate or a rest ends, where one does. */
  | { kind: "busy"; freeAt?: number }
  /** All rest. `until` = when the first comes back. */
  | { kind: "resting"; until: number; reason: string }
  /** There is none that is enabled and has the model. */
  | { kind: "none" };

/** What the outcome of a call did. */
export interface Verdict {
  /** Set when most keys failed alike: the route is to be left alone, and the keys were let off. */
  routeIsToBlame?: string;
}

interface Entry {
  key: PoolKey;
  running: number;
  minute: Window;
  day: Window;
}

interface Window {
  start: number;
  count: number;
}

const RATE_PAUSE = { first: 5_000, most: 10 * 60_000 };
const CREDIT_PAUSE = { first: 60 * 60_000, most: 24 * 60 * 60_000 };
const REJECTED_PAUSE = { first: 10 * 60_000, most: 24 * 60 * 60_000 };
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** The longest that a service's own `retry-after` is heeded: a key must come back, whatever a reply says. */
const LONGEST_ASKED = DAY;
/**
 * How many keys must fail alike, without a success between, before the route is suspected. Of a large pool
 * a dozen is proof enough: asking most of ten thousand keys would take hours.
 */
const ALIKE = { least: 3, share: 0.75, most: 12 };
const MOST_SUSPICIONS = 1000;
/** Stands for all models where a failure is about the whole key. */
const ANY_MODEL = "";

/** The keys of one provider, in memory; `onChange` hears of each key whose lasting state changed. */
export class KeyPool {
  // Insertion order is order of use: the first that fits is the least recently used.
  #entries = new Map<string, Entry>();
  /** Keys that failed alike since the last success, as they were before: by model, or for the whole key. */
  #alike = new Map<string, { kind: string; before: Map<string, PoolKey> }>();

  constructor(
    private readonly options: {
      clock: Clock;
      limits: () => KeyLimits;
      onChange?: (key: PoolKey, before: PoolKey) => void;
    },
  ) {}

  /** Takes over the keys as they are stored. Running calls and last uses of keys that stay are remembered. */
  set(keys: readonly PoolKey[]): void {
    const before = this.#entries;
    const now = this.options.clock.now();
    const entries = keys.map((key): Entry => {
      const known = before.get(key.id) ??
        { key, running: 0, minute: { start: now, count: 0 }, day: { start: now, count: 0 } };
      const lastUsedAt = Math.max(key.lastUsedAt ?? 0, known.key.lastUsedAt ?? 0) || undefined;
      return { ...known, key: { ...key, lastUsedAt } };
    });
    // Keys used in the same millisecond keep the order they had.
    const order = new Map([...before.keys()].map((id, place) => [id, place]));
    entries.sort((a, b) =>
      (a.key.lastUsedAt ?? 0) - (b.key.lastUsedAt ?? 0) ||
      (order.get(a.key.id) ?? 0) - (order.get(b.key.id) ?? 0)
    );
    this.#entries = new Map(entries.map((entry) => [entry.key.id, entry]));
  }

  /** The keys, with their states. */
  get keys(): PoolKey[] {
    return [...this.#entries.values()].map((entry) => entry.key);
  }

  /** A key by its id. */
  get(id: string): PoolKey | undefined {
    return this.#entries.get(id)?.key;
  }

  /** How many calls run on a key now. */
  inFlight(id: string): number {
    return this.#entries.get(id)?.running ?? 0;
  }

  /** Whether any enabled key is for `model`, resting or not. */
  has(model?: string): boolean {
    for (const { key } of this.#entries.values()) if (key.enabled && isFor(key, model)) return true;
    return false;
  }

  /** How many calls for `model` could run at once now, counted up to `most`. */
  slots(model: string, most: number): number {
    const now = this.options.clock.now();
    const { maxConcurrent } = this.options.limits();
    let slots = 0;
    for (const { key } of this.#entries.values()) {
      if (key.enabled && isFor(key, model) && !restOf(key, model, now)) slots += maxConcurrent;
      if (slots >= most) return most;
    }
    return slots;
  }

  /**
   * Takes the least recently used key that is free for `model` and not in `except`; `give()` it back.
   * Costs one look at each key that is not free, and none at the others.
   */
  take(model: string, except: ReadonlySet<string> = new Set()): PoolKey | Shortage {
    const now = this.options.clock.now();
    const limits = this.options.limits();
    let busy = false;
    let freeAt: number | undefined;
    let resting: Rest | undefined;
    for (const entry of this.#entries.values()) {
      const { key } = entry;
      if (!key.enabled) continue;
      // In a large pool most keys rest, so that comes before all that is rarer.
      const rest = restOf(key, model, now);
      if (rest && resting && rest.until >= resting.until) continue;
      if (except.has(key.id) || !isFor(key, model)) continue;
      if (rest) {
        resting = rest;
        continue;
      }
      const allowedAt = Math.max(
        windowEnd(entry.minute, MINUTE, limits.requestsPerMinute, now),
        windowEnd(entry.day, DAY, limits.requestsPerDay, now),
      );
      if (allowedAt > now) {
        busy = true;
        freeAt = earliest(freeAt, allowedAt);
        continue;
      }
      if (entry.running >= limits.maxConcurrent) {
        busy = true;
        continue;
      }
      return this.#hand(entry, now);
    }
    // Whoever waits for a busy key is glad of one that comes back from a rest before.
    if (busy) return { kind: "busy", freeAt: earliest(freeAt, resting?.until) };
    return resting ? { kind: "resting", until: resting.until, reason: resting.reason } : { kind: "none" };
  }

  /** Gives a slot back. */
  give(id: string): void {
    const entry = this.#entries.get(id);
    if (entry) entry.running = Math.max(0, entry.running - 1);
  }

  /** Tells what a call with key `id` for `model` came to. */
  settle(id: string, model: string, failure?: Failure): Verdict {
    const entry = this.#entries.get(id);
    if (!entry) return {};
    const now = this.options.clock.now();
    if (!failure) {
      this.#alike.delete(model);
      this.#alike.delete(ANY_MODEL);
      const { [model]: _rested, ...modelRests } = entry.key.modelRests;
      this.#change(entry, { successes: entry.key.successes + 1, strikes: 0, rest: undefined, modelRests });
      return {};
    }
    const { key: verdict } = CONSEQUENCES[failure.kind];
    if (verdict === "keep") return {};
    const before = entry.key;
    this.#stop(entry, model, failure, now);
    return this.#suspectRoute(before, model, failure);
  }

  /**
   * Tells what a question came to that concerned no model and was asked to try the key alone. It proves neither
   * credit nor models, so a good answer ends only the rest of a key that had been rejected.
   */
  checked(id: string, failure?: Failure): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    if (failure) {
      const { key: verdict } = CONSEQUENCES[failure.kind];
      if (verdict === "keep" || restsModelOnly(failure)) return;
      this.#stop(entry, ANY_MODEL, failure, this.options.clock.now());
    } else if (entry.key.rest && isRejection(entry.key.rest)) {
      this.#change(entry, { rest: undefined, strikes: 0, lastError: undefined });
    }
  }

  /** Lets a key rest for `ms`, by hand. */
  rest(id: string, ms: number, reason: string): void {
    const entry = this.#entries.get(id);
    const since = this.options.clock.now();
    if (entry) this.#change(entry, { rest: { until: since + ms, reason, since } });
  }

  /** Ends a key's rest, by hand. */
  revive(id: string): void {
    const entry = this.#entries.get(id);
    if (entry) this.#change(entry, { rest: undefined, modelRests: {}, strikes: 0, lastError: undefined });
  }

  #hand(entry: Entry, now: number): PoolKey {
    entry.running++;
    count(entry.minute, MINUTE, now);
    count(entry.day, DAY, now);
    entry.key = { ...entry.key, lastUsedAt: now };
    this.#entries.delete(entry.key.id);
    this.#entries.set(entry.key.id, entry);
    return entry.key;
  }

  #stop(entry: Entry, model: string, failure: Failure, now: number): void {
    const { key } = entry;
    // A key at rest is given to nobody, so this call began before: it is no new strike.
    const strikes = restOf(key, model, now) ? Math.max(1, key.strikes) : key.strikes + 1;
    const verdict = CONSEQUENCES[failure.kind].key;
    const isOfModel = restsModelOnly(failure);
    const growth = verdict === "rest" ? RATE_PAUSE : verdict === "long rest" ? CREDIT_PAUSE : REJECTED_PAUSE;
    const pause = askedPause(failure) ?? growingPause(growth, strikes);
    const rest = { until: now + pause, reason: `${failure.kind}: ${failure.message}`, since: now };
    this.#change(entry, {
      strikes,
      failures: key.failures + 1,
      lastError: failure.message,
      ...isOfModel ? { modelRests: { ...current(key.modelRests, now), [model]: rest } } : { rest },
    });
  }

  /** When most keys fail alike, it is the address, the account or the model: the keys are let off. */
  #suspectRoute(before: PoolKey, model: string, failure: Failure): Verdict {
    const scope = restsModelOnly(failure) ? model : ANY_MODEL;
    const seen = this.#alike.get(scope);
    const alike = seen?.kind === failure.kind
      ? seen
      : { kind: failure.kind, before: new Map<string, PoolKey>() };
    // Callers name the models, so there is no end to them.
    if (this.#alike.size > MOST_SUSPICIONS) this.#alike.clear();
    this.#alike.set(scope, alike);
    if (!alike.before.has(before.id)) alike.before.set(before.id, before);
    const failed = [...alike.before.values()].filter((key) => isFor(key, model));
    if (failed.length < this.#proof(model)) return {};
    for (const { id, rest, modelRests, strikes } of failed) {
      const entry = this.#entries.get(id);
      if (entry) this.#change(entry, { rest, modelRests, strikes });
    }
    this.#alike.delete(scope);
    return { routeIsToBlame: `${failed.length} keys failed alike: ${failure.kind}: ${failure.message}` };
  }

  /** How many keys for `model` must fail alike before the route is suspected. */
  #proof(model: string): number {
    let enabled = 0;
    for (const { key } of this.#entries.values()) {
      if (key.enabled && isFor(key, model)) enabled++;
      if (enabled * ALIKE.share >= ALIKE.most) break;
    }
    return Math.max(ALIKE.least, Math.min(ALIKE.most, Math.floor(enabled * ALIKE.share) + 1));
  }

  #change(entry: Entry, change: Partial<PoolKey>): void {
    const before = entry.key;
    entry.key = { ...before, ...change };
    this.options.onChange?.(entry.key, before);
  }
}

/** Whether a key rests because its service does not know it: the reason begins with the kind of failure. */
export function isRejection({ reason }: Rest): boolean {
  return reason.startsWith("key_rejected");
}

function restsModelOnly({ kind, modelOnly }: Failure): boolean {
  return CONSEQUENCES[kind].key === "rest" || modelOnly === true;
}

/** The pause that a service asks for, in ms, where that can be believed. */
function askedPause({ kind, retryAfterMs, modelOnly }: Failure): number | undefined {
  // Services send the same short wait with a used-up account; only an allowance of one model comes back by itself.
  const isBelieved = kind === "rate_limited" || (kind === "out_of_credit" && modelOnly);
  return isBelieved && retryAfterMs !== undefined ? Math.min(retryAfterMs, LONGEST_ASKED) : undefined;
}

function isFor(key: PoolKey, model?: string): boolean {
  return model === undefined || key.models.length === 0 || key.models.includes(model);
}

function restOf(key: PoolKey, model: string, now: number): Rest | undefined {
  if (key.rest && key.rest.until > now) return key.rest;
  const rest = key.modelRests[model];
  return rest && rest.until > now ? rest : undefined;
}

/** The rests that have not ended: models come and go, and their rests must not pile up. */
function current(rests: PoolKey["modelRests"], now: number): PoolKey["modelRests"] {
  return Object.fromEntries(Object.entries(rests).filter(([, rest]) => rest.until > now));
}

function windowEnd(window: Window, length: number, limit: number | undefined, now: number): number {
  return limit !== undefined && now < window.start + length && window.count >= limit
    ? window.start + length
    : 0;
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? a ?? b : Math.min(a, b);
}

function count(window: Window, length: number, now: number): void {
  if (now >= window.start + length) {
    window.start = now;
    window.count = 0;
  }
  window.count++;
}
