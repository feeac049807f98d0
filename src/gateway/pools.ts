/** The pools of provider keys: from the store, from the environment, and what their states became. */
import type { Clock } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import type { OpenUrl } from "../core/media.ts";
import type { Call, DiscoveredModel, Provider } from "../core/provider.ts";
import { openCall } from "../providers/call.ts";
import { type KeyLimits, KeyPool, type PoolKey } from "../routing/key_pool.ts";
import type { KeyState, KeyStore, ProviderKey } from "../store/keys.ts";

/** What a provider's settings say about its pool. */
export interface PoolSettings extends KeyLimits {
  baseUrl?: string;
  /** Keys that the environment gives; they can't be changed here. */
  apiKeys: readonly string[];
}

/** What pools depend on. */
export interface PoolsOptions {
  clock: Clock;
  providers: readonly Provider[];
  settings: (provider: Provider) => PoolSettings;
  /** Ids of the models that can be used without a key. Default: none, beside those of keyless providers. */
  keylessModels?: (provider: Provider) => readonly string[];
  store: KeyStore;
  open: OpenUrl;
  onError: (error: unknown, what: string) => void;
  /** Hears when a key of a provider begins or ends a rest. */
  onState?: (provider: Provider) => void;
}

const NONE: readonly DiscoveredModel[] = [];
/** States are written this long after they changed, in ms, together with all others. */
const SAVE_AFTER = 1000;
const DISCOVERY_LIMIT = 15_000;
const ENVIRONMENT = "environment:";

/** Whether a key was given by the environment, so that it can't be changed here. */
export function isGiven(id: string): boolean {
  return id.startsWith(ENVIRONMENT);
}

/** The key of who needs none: no key is sent. */
const KEYLESS = "";

/** All pools, in memory; what changes is written behind. */
export class Pools implements AsyncDisposable {
  #pools = new Map<string, KeyPool>();
  #secrets = new Map<string, string>();
  /** Models by key, where each key may lead to another service. */
  #models = new Map<string, readonly string[]>();
  /** Models by provider, as its service told. */
  #told = new Map<string, readonly DiscoveredModel[]>();
  #discovered = new Map<string, readonly DiscoveredModel[]>();
  #changed = new Map<string, PoolKey>();
  #saving?: Promise<void>;
  readonly #closing = new AbortController();

  constructor(private readonly options: PoolsOptions) {
    for (const provider of options.providers) {
      const pool = new KeyPool({
        clock: options.clock,
        limits: () => options.settings(provider),
        onChange: (key, before) => {
          this.#note(key);
          if (isOtherwise(key, before)) options.onState?.(provider);
        },
      });
      this.#pools.set(provider.name, pool);
    }
  }

  /** Reads the keys again, from store and environment; states in memory are kept where they are newer. */
  async load(): Promise<void> {
    await this.save();
    const stored = await this.options.store.list();
    this.#secrets.clear();
    for (const provider of this.options.providers) {
      const keys = stored.filter((key) => key.provider === provider.name).map((key) => this.#fromStore(key));
      const given = this.options.settings(provider).apiKeys.map((secret, index) => {
        const id = `${ENVIRONMENT}${provider.name}:${index}`;
        const name = `environment ${index + 1}`;
        return this.#given(provider, { id, name, secret, models: this.#models.get(id) ?? [] });
      });
      this.#arrange(provider, [...keys, ...given]);
    }
  }

  /** Takes over keys that were added to the store or changed in it, without reading all the others again. */
  refresh(stored: readonly ProviderKey[]): void {
    const byId = new Map(stored.map((key) => [key.id, key]));
    for (const provider of this.options.providers) {
      const pool = this.pool(provider);
      const changed = stored.filter((key) => key.provider === provider.name);
      if (changed.length === 0) continue;
      const kept = pool.keys.map((key) => {
        const now = byId.get(key.id);
        if (!now) return key;
        byId.delete(key.id);
        const { name, baseUrl, models, enabled } = this.#fromStore(now);
        return { ...key, name, baseUrl, models, enabled };
      });
      const added = changed.filter(({ id }) => byId.has(id)).map((key) => this.#fromStore(key));
      this.#arrange(provider, [...kept, ...added]);
    }
  }

  /** Forgets keys that were removed from the store. */
  forget(ids: readonly string[]): void {
    const gone = new Set(ids);
    for (const id of ids) {
      this.#models.delete(id);
      this.#changed.delete(id);
    }
    for (const provider of this.options.providers) {
      const { keys } = this.pool(provider);
      const left = keys.filter(({ id }) => !gone.has(id));
      if (left.length < keys.length) this.#arrange(provider, left);
    }
  }

  /** Finds a key of any pool by its id. */
  find(id: string): { provider: Provider; key: PoolKey } | undefined {
    for (const provider of this.options.providers) {
      const key = this.pool(provider).get(id);
      if (key) return { provider, key };
    }
    return undefined;
  }

  /** Whether a provider is called without a key because none is set up, although it takes keys. */
  isAnonymous(provider: Provider): boolean {
    return !provider.keyless && this.pool(provider).keys.some(({ id }) => id === keylessId(provider));
  }

  /** The pool of a provider. */
  pool(provider: Provider): KeyPool {
    return this.#pools.get(provider.name)!;
  }

  /** The secret behind a key. @throws Error if it was removed, or stored under another SECRET_KEY */
  async reveal(key: PoolKey): Promise<string> {
    const secret = this.#secrets.get(key.id) ?? await this.options.store.reveal(key.id);
    if (secret === undefined) throw new Error(`The key ${key.name} was removed`);
    return secret;
  }

  /** Models that the pool's entries list, or that their services told of; the same array until they change. */
  discovered(provider: Provider): readonly DiscoveredModel[] {
    return this.#discovered.get(provider.name) ?? NONE;
  }

  /**
   * Asks the services that list their models which there are, with one key, or with each where keys differ.
   * @param providers default: all
   */
  async discover(signal: AbortSignal, providers = this.options.providers): Promise<void> {
    await Promise.all(providers.map(async (provider) => {
      if (!provider.listModels) return;
      const pool = this.pool(provider);
      const keys = pool.keys.filter((key) =>
        key.enabled && (key.models.length === 0 || this.#models.has(key.id))
      );
      if (!isCatchAll(provider)) {
        const told = keys[0] && await this.#ask(provider, keys[0], signal);
        if (told) this.#told.set(provider.name, told);
      } else {
        await Promise.all(keys.map(async (key) => {
          const told = await this.#ask(provider, key, signal);
          if (told) this.#models.set(key.id, told.map(({ id }) => id));
        }));
        pool.set(pool.keys.map((key) => ({ ...key, models: this.#models.get(key.id) ?? key.models })));
      }
      this.#list(provider);
    }));
  }

  #list(provider: Provider): void {
    const keys = this.pool(provider).keys.filter(({ id, enabled }) => enabled && id !== keylessId(provider));
    const ids = new Set(keys.flatMap((key) => key.models));
    const told = this.#told.get(provider.name) ?? [];
    for (const { id } of told) ids.delete(id);
    this.#discovered.set(provider.name, [...told, ...[...ids].map((id) => ({ id }))]);
  }

  /** Writes what changed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#saving;
    await this.save();
  }

  /**
   * Opens the line to a provider with a key of its pool, at that key's own address and no other; or to the same
   * address without a key.
   * @throws Failed where the address or the secret is missing
   */
  async line(
    provider: Provider,
    key: PoolKey,
    signal: AbortSignal,
    { withoutKey = false }: { withoutKey?: boolean } = {},
  ): Promise<Call> {
    const { clock, open } = this.options;
    const baseUrl = this.addressOf(provider, key);
    if (baseUrl === undefined) {
      throw new Failed({
        kind: "unreachable",
        message: `no base URL is set for ${provider.name} or its key ${key.name}`,
      });
    }
    const secret = withoutKey ? KEYLESS : await this.reveal(key).catch((error) => {
      throw new Failed({ kind: "key_rejected", message: String(error.message ?? error) }, error);
    });
    return openCall({ provider, baseUrl, key: secret, signal, open, clock, dice: Math.random });
  }

  /** Where calls with a key go, without a slash at the end. */
  addressOf(provider: Provider, key: PoolKey): string | undefined {
    const baseUrl = key.baseUrl ?? this.options.settings(provider).baseUrl ?? provider.baseUrl;
    return baseUrl?.replace(/\/+$/, "");
  }

  async #ask(provider: Provider, key: PoolKey, signal: AbortSignal): Promise<DiscoveredModel[] | undefined> {
    const { clock, onError } = this.options;
    const baseUrl = this.addressOf(provider, key);
    if (baseUrl === undefined) return undefined;
    using limit = clock.timeout(DISCOVERY_LIMIT);
    try {
      const call = await this.line(
        provider,
        key,
        AbortSignal.any([signal, limit.signal, this.#closing.signal]),
      );
      return await provider.listModels!(call);
    } catch (error) {
      onError(error, `models of ${provider.name} at ${new URL(baseUrl).host}`);
      return undefined;
    }
  }

  #arrange(provider: Provider, keys: readonly PoolKey[]): void {
    const own = keys.filter(({ id }) => id !== keylessId(provider));
    this.pool(provider).set([...own, ...this.#keyless(provider, own)]);
    this.#list(provider);
  }

  #fromStore(key: ProviderKey): PoolKey {
    const { id, name, baseUrl, enabled, modelRests, strikes, successes, failures, lastUsedAt, lastError } =
      key;
    return {
      id,
      name,
      baseUrl,
      models: key.models.length > 0 ? key.models : this.#models.get(id) ?? [],
      enabled,
      modelRests,
      strikes,
      successes,
      failures,
      lastUsedAt,
      lastError,
      rest: key.restingUntil === undefined
        ? undefined
        : { until: key.restingUntil, reason: key.restReason ?? "", since: key.restedAt },
    };
  }

  /** The entry without a key: of a provider that needs none, or of models that can do without while there is none. */
  #keyless(provider: Provider, keys: readonly PoolKey[]): PoolKey[] {
    const models = this.options.keylessModels?.(provider) ?? [];
    const isSomewhere = (provider.baseUrl ?? this.options.settings(provider).baseUrl) !== undefined;
    const isLeft = isSomewhere && models.length > 0 && !keys.some((key) => key.enabled);
    if (!provider.keyless && !isLeft) return [];
    return [this.#given(provider, {
      id: keylessId(provider),
      name: "no key needed",
      secret: KEYLESS,
      models: provider.keyless ? [] : models,
    })];
  }

  #given(
    provider: Provider,
    { secret, ...key }: Pick<PoolKey, "id" | "name" | "models"> & { secret: string },
  ): PoolKey {
    this.#secrets.set(key.id, secret);
    const before = this.pool(provider).keys.find(({ id }) => id === key.id);
    return { ...before ?? UNTRIED, ...key };
  }

  #note(key: PoolKey): void {
    if (isGiven(key.id)) return;
    this.#changed.set(key.id, key);
    this.#saving ??= this.options.clock.sleep(SAVE_AFTER, this.#closing.signal).catch(() => {}).then(() => {
      this.#saving = undefined;
      return this.save();
    });
  }

  /** Writes the states that changed, now rather than soon. */
  async save(): Promise<void> {
    if (this.#changed.size === 0) return;
    const states = [...this.#changed.values()].map(stateOf);
    this.#changed.clear();
    await this.options.store.saveStates(states).catch((error) =>
      this.options.onError(error, "states of keys")
    );
  }
}

const UNTRIED = { enabled: true, modelRests: {}, strikes: 0, successes: 0, failures: 0 };

/** Id of the entry that stands for doing without a key. */
export function keylessId(provider: Provider): string {
  return `${ENVIRONMENT}${provider.name}:keyless`;
}

/** Whether a provider stands for any service, so that each key knows models of its own. */
function isCatchAll(provider: Provider): boolean {
  return provider.unlisted?.like === "*";
}

/** Whether a key's rests have changed; its counters change with every call. */
function isOtherwise(key: PoolKey, before: PoolKey): boolean {
  const models = Object.keys(key.modelRests);
  return key.rest !== before.rest || models.length !== Object.keys(before.modelRests).length ||
    models.some((model) => key.modelRests[model] !== before.modelRests[model]);
}

function stateOf(key: PoolKey): KeyState & { id: string } {
  const { id, rest, strikes, modelRests, successes, failures, lastUsedAt, lastError } = key;
  return {
    id,
    restingUntil: rest?.until,
    restReason: rest?.reason,
    restedAt: rest?.since,
    strikes,
    modelRests: { ...modelRests },
    successes,
    failures,
    lastUsedAt,
    lastError,
  };
}
