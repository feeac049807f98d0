/**
 * Tries keys without buying a picture: each is asked the cheapest harmless question of its provider, at its own
 * address alone. What comes of it changes the key's state as it would have in routing.
 */
import pMap from "p-map";
import type { Clock } from "../core/clock.ts";
import { CONSEQUENCES, type Failure, toFailure } from "../core/failure.ts";
import type { Call, Provider } from "../core/provider.ts";
import { keylessId, type Pools } from "../gateway/pools.ts";
import type { PoolKey } from "../routing/key_pool.ts";

/** What a check found out. */
export interface Checked {
  id: string;
  /** `null` = it can't be known without buying a picture. */
  ok: boolean | null;
  /** How long the service took, in ms; absent where it was not asked. */
  ms?: number;
  reason?: string;
}

/** What checks depend on. */
export interface CheckOptions {
  pools: Pools;
  clock: Clock;
  /** Ends it; what was found out by then stays. */
  signal: AbortSignal;
  /** Hears of each key as it is known. */
  onChecked?: (checked: Checked) => void;
  /** Keys of one provider that are asked about at the same time. */
  atOnce?: number;
}

/** Limit of one question, in ms. */
const LIMIT = 15_000;
/** From so many keys on that fail alike, with none that is good, the address is suspected and not the keys. */
const ALIKE = 3;
const CANNOT = "can't be checked without buying a picture";

/**
 * Checks keys of the pools, a few at once for each provider.
 * @returns what is known of each, in the order in which it became known; unknown ids are told as such.
 * @throws the signal's reason
 */
export async function checkKeys(ids: readonly string[], options: CheckOptions): Promise<Checked[]> {
  const { pools, onChecked, signal, atOnce = 4 } = options;
  const all: Checked[] = [];
  const tell = (checked: Checked) => {
    all.push(checked);
    onChecked?.(checked);
  };
  const groups = new Map<Provider, PoolKey[]>();
  for (const id of new Set(ids)) {
    const found = pools.find(id);
    if (!found) tell({ id, ok: false, reason: "There is no such key; it may have been removed" });
    else groups.set(found.provider, [...groups.get(found.provider) ?? [], found.key]);
  }
  await Promise.all([...groups].map(async ([provider, keys]) => {
    const verdicts = new Verdicts(provider, options);
    const check = async (key: PoolKey) => tell(await verdicts.of(key));
    await pMap(keys, check, { concurrency: atOnce, signal }).finally(() => verdicts.end());
  }));
  return all;
}

/** Tries one key. @throws the signal's reason */
export async function checkKey(id: string, options: Omit<CheckOptions, "atOnce">): Promise<Checked> {
  const [checked] = await checkKeys([id], options);
  return checked!;
}

/** The verdicts on keys of one provider. */
class Verdicts {
  /** By address: whether a key was good there, and the failures that wait to see whether one is. */
  #addresses = new Map<string, { isGood: boolean; failed: { key: PoolKey; failure: Failure }[] }>();
  /** By address: whether a question without a key is refused there, so that an answer proves something. */
  #proofs = new Map<string, Promise<boolean>>();

  constructor(private readonly provider: Provider, private readonly options: CheckOptions) {}

  async of(key: PoolKey): Promise<Checked> {
    const { provider } = this;
    const { clock, signal } = this.options;
    const { id } = key;
    if (provider.keyless && id === keylessId(provider)) return { id, ok: true, reason: "No key is needed" };
    const question = questionOf(provider);
    if (!question) return { id, ok: null, reason: `Keys of ${provider.name} ${CANNOT}` };
    const startedAt = clock.now();
    const failure = await this.#ask(key, question);
    const ms = clock.now() - startedAt;
    signal.throwIfAborted();
    if (failure) {
      this.#note(key, failure);
      return { id, ok: false, ms, reason: reasonOf(failure) };
    }
    if (!await this.#isProof(key, question)) {
      return {
        id,
        ok: null,
        ms,
        reason: `${provider.name} answers without a key as well: this one ${CANNOT}`,
      };
    }
    this.#note(key);
    return { id, ok: true, ms };
  }

  /** Settles what waited for a good key in vain. */
  end(): void {
    for (const { isGood, failed } of this.#addresses.values()) {
      if (isGood || failed.length >= ALIKE) continue;
      for (const { key, failure } of failed) this.#pool.checked(key.id, failure);
    }
  }

  get #pool() {
    return this.options.pools.pool(this.provider);
  }

  async #ask(key: PoolKey, question: Question, withoutKey = false): Promise<Failure | undefined> {
    const { pools, clock, signal } = this.options;
    using limit = clock.timeout(LIMIT);
    try {
      await question(
        await pools.line(this.provider, key, AbortSignal.any([signal, limit.signal]), { withoutKey }),
      );
      return undefined;
    } catch (thrown) {
      return toFailure(thrown, signal, limit.signal);
    }
  }

  #isProof(key: PoolKey, question: Question): Promise<boolean> {
    const address = this.#addressOf(key);
    const known = this.#proofs.get(address) ??
      this.#ask(key, question, true).then((failure) => failure !== undefined);
    this.#proofs.set(address, known);
    return known;
  }

  /** A failure counts once another key of the same address was good, or where too few failed to suspect the address. */
  #note(key: PoolKey, failure?: Failure): void {
    const address = this.#addressOf(key);
    const known = this.#addresses.get(address) ?? { isGood: false, failed: [] };
    this.#addresses.set(address, known);
    if (failure && !known.isGood) known.failed.push({ key, failure });
    else this.#pool.checked(key.id, failure);
    if (failure || known.isGood) return;
    known.isGood = true;
    for (const { key, failure } of known.failed.splice(0)) this.#pool.checked(key.id, failure);
  }

  #addressOf(key: PoolKey): string {
    return this.options.pools.addressOf(this.provider, key) ?? "";
  }
}

type Question = (call: Call) => Promise<unknown>;

function questionOf({ checkKey, listModels }: Provider): Question | undefined {
  return checkKey ?? listModels;
}

function reasonOf({ kind, message, status }: Failure): string {
  const { told, key } = CONSEQUENCES[kind];
  const words = `${told}${status === undefined ? "" : ` (HTTP ${status})`}: ${message}`;
  return key === "keep" ? `Not the key, but the service ${words}` : `The service ${words}`;
}
