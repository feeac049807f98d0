/** The only file that knows every part: opens the stores, wires gateway and HTTP, and ends them in order. */
import { join } from "node:path";
import { checkBackend, isBackendOn, type Loaded } from "./config/load.ts";
import type { Fault } from "./config/fault.ts";
import { type LegacyKey, moveKeys } from "./config/legacy_keys.ts";
import type { ProviderIdentity } from "./config/provider_identity.ts";
import type { Config } from "./config/schema.ts";
import { Settings } from "./config/settings.ts";
import { type Clock, type Dice, systemClock } from "./core/clock.ts";
import type { Model, Provider } from "./core/provider.ts";
import { Budget } from "./gateway/budget.ts";
import type { Client } from "./gateway/caller.ts";
import { Gateway, type Story } from "./gateway/handle.ts";
import { createFitInputs } from "./gateway/fit_inputs.ts";
import { PoolKeys } from "./gateway/lease.ts";
import { Pictures } from "./gateway/pictures.ts";
import { Pools } from "./gateway/pools.ts";
import type { AuthOptions } from "./http/auth.ts";
import type { EdgeApp } from "./http/documented.ts";
import { createRouter } from "./http/router.ts";
import { logger } from "./log/log.ts";
import { createLocalBlobs } from "./platform/blobs_local.ts";
import { convertImage } from "./platform/convert.ts";
import { uploadToBed } from "./platform/image_bed.ts";
import { createOutbound } from "./platform/outbound.ts";
import { sqliteDialect } from "./platform/sqlite.ts";
import { findProvider, PROVIDERS, recogniseKey } from "./providers/registry.ts";
import { Catalogue } from "./routing/catalogue.ts";
import { Health } from "./routing/health.ts";
import { type Client as StoredClient, type ClientStore, createClientStore } from "./store/clients.ts";
import { openDatabase } from "./store/database.ts";
import { createHistory, type History } from "./store/history.ts";
import { createJournal, type Journal } from "./store/journal.ts";
import { createKeyStore, type KeyStore } from "./store/keys.ts";
import { createVault, loadSecretKey, type Vault } from "./store/secrets.ts";
import { VERSION } from "./version.ts";

/** What an app is made from. */
export interface AppOptions {
  loaded: Loaded;
  clock?: Clock;
  dice?: Dice;
}

/** A running gateway without its server. */
export interface App extends AsyncDisposable {
  http: EdgeApp;
  settings: Settings;
  /** Names of providers that could answer a client's request now, or keys of which may be relayed. */
  usable: () => string[];
  modes: () => { relay: boolean; backend: boolean };
  stores: {
    clients: ClientStore;
    keys: KeyStore;
    history: History;
    journal: Journal;
  };
  /** Takes in keys that were added to the store. */
  reload: () => Promise<void>;
  /** Tells load balancers to send nothing more. */
  drain: () => void;
  /** Resolves when the requests that run now have ended, and what they made is written. */
  settled: () => Promise<void>;
}

const DAY = 24 * 60 * 60_000;
const DISCOVER_EVERY = 60 * 60_000;
const log = logger("app");

/** How configuration calls the providers. */
export const IDENTITIES: ProviderIdentity[] = PROVIDERS.map((
  { name, env, aliases = [], baseUrl, weight },
) => ({
  name,
  env,
  aliases: [...aliases],
  needsBaseUrl: baseUrl === undefined,
  weight,
}));

/**
 * Opens the stores under the data folder and wires everything.
 * Gives faults instead where the stores show that the configuration can't be served.
 */
export async function createApp(
  { loaded, clock = systemClock, dice = Math.random }: AppOptions,
): Promise<App | { faults: Fault[] }> {
  await using undo = new AsyncDisposableStack();
  const settings = new Settings(loaded);
  const config = () => settings.current;
  const { dataDir, secretKey } = config();
  await Deno.mkdir(dataDir, { recursive: true });
  const vault = await createVault(await loadSecretKey({ dataDir, fromEnvironment: secretKey }));
  const db = await openDatabase(sqliteDialect(join(dataDir, "imgrouter.db")));
  undo.defer(() => db.destroy());
  const clients = createClientStore(db, vault, { clock });
  const keys = createKeyStore(db, vault, { clock });
  const history = undo.use(createHistory(db, { clock, onError: (error) => log.error("{error}", { error }) }));
  const journal = createJournal(db, { clock });
  let storedClients = await clients.count();
  const fault = checkBackend(config(), storedClients);
  if (fault) return { faults: [fault] };

  const moveFileKeys = () =>
    settings.exclusively(async () => {
      const addKeys = (entries: LegacyKey[]) => addLegacyKeys(keys, entries, clock.now());
      const { entries, backup } = await moveKeys({
        path: loaded.path,
        providers: IDENTITIES,
        addKeys,
        now: clock.now(),
      });
      if (entries.length > 0) {
        log.info("Moved {count} keys from the settings file to the key store; a copy is at {backup}", {
          count: entries.length,
          backup,
        });
      }
      for (const { name, provider } of entries.filter((entry) => entry.needsBaseUrl)) {
        log.warn("{name} of {provider} is disabled until somebody says where it belongs", { name, provider });
      }
    });
  if (Object.keys(config().keyPools).length > 0) await moveFileKeys();

  const outbound = undo.use(createOutbound({ allowHosts: () => config().security.allowHosts, clock }));
  const of = (provider: Provider) => config().providers[provider.name]!;
  const baseUrl = (provider: Provider) => of(provider).baseUrl ?? provider.baseUrl;
  const configured = configuredModels(config);
  const pools = undo.use(
    new Pools({
      clock,
      providers: PROVIDERS,
      settings: of,
      keylessModels: (provider) =>
        [...provider.models, ...configured(provider)].flatMap(({ id, keyless }) => keyless ? [id] : []),
      store: keys,
      open: outbound.fetchImage,
      onError: (error, what) => log.warn("Could not read or write {what}: {error}", { what, error }),
    }),
  );
  await pools.load();
  const blobs = createLocalBlobs(join(dataDir, "storage"));
  const pictures = undo.use(
    new Pictures({
      clock,
      blobs: () => config().storage.target === "off" ? undefined : blobs,
      onError: (error, name) => log.error("Could not store {name}: {error}", { name, error }),
    }),
  );
  const catalogue = new Catalogue({
    providers: PROVIDERS,
    settings: of,
    discovered: (provider) => pools.discovered(provider),
    configured,
  });
  const health = new Health();
  const gatewayLog = logger("gateway");
  /** Requests with a job in the journal: most have none, and need no write at their end. */
  const journaled = new Set<string>();
  const gateway = new Gateway({
    clock,
    dice,
    open: outbound.fetchImage,
    planning: () => ({
      catalogue,
      findProvider,
      isUsable: (provider, model) => pools.pool(provider).has(model),
      isAnonymous: (provider) => pools.isAnonymous(provider),
      strategy: config().routing.strategy,
      unknownModel: config().routing.unknownModel,
    }),
    limits: () => {
      const { maxRetries, retryDelay, deadline, queueTimeout } = config().routing;
      return { maxRetries, retryDelayMs: retryDelay, deadlineMs: deadline, queueTimeoutMs: queueTimeout };
    },
    timeoutOf: ({ route: { provider, model } }) =>
      of(provider).timeout ?? Math.max(config().system.apiTimeout, model.timeoutMs ?? 0),
    baseUrl,
    maxConcurrent: (provider) => of(provider).maxConcurrent,
    keys: new PoolKeys({
      clock,
      pool: (provider) => pools.pool(provider),
      reveal: (key) => pools.reveal(key),
      baseUrl,
      queue: () => ({ length: config().routing.queueLength, timeoutMs: config().routing.queueTimeout }),
    }),
    health,
    pictures,
    budget: new Budget({
      clock,
      store: clients,
      onError: (error) => log.error("Could not count use: {error}", { error }),
    }),
    fitInputs: createFitInputs(convertImage),
    publish: async (media, signal) => {
      const { imageBed, system } = config();
      if (imageBed.baseUrl !== undefined) {
        try {
          return await uploadToBed(media, imageBed, signal);
        } catch (error) {
          signal.throwIfAborted();
          log.warn("Could not upload an input to the image bed: {error}", { error });
        }
      }
      if (system.publicBaseUrl === undefined) return undefined;
      const name = await pictures.lend(media, signal);
      return name && `${system.publicBaseUrl.replace(/\/+$/, "")}/storage/${encodeURIComponent(name)}`;
    },
    onAccepted: ({ ticket, ...job }, requestId) => {
      gatewayLog.info("{provider} took on the job {job}", { provider: job.provider, job: ticket.id });
      journaled.add(requestId);
      journal.accepted({ requestId, ticketId: ticket.id, ticketUrl: ticket.url, ...job }).catch(
        report("write the journal"),
      );
    },
    onAttempt: ({ provider, model, outcome, durationMs, message, keyName, status }) => {
      const fields = { provider, model, outcome, ms: durationMs, keyName, status, reason: message };
      if (outcome === "ok") gatewayLog.info("{provider} {model} delivered in {ms} ms", fields);
      else gatewayLog.warn("{provider} {model} failed: {outcome}: {reason}", fields);
    },
    onStory: (story) => {
      history.record(recordOf(story), story.attempts);
      if (journaled.delete(story.requestId)) {
        journal.ended(story.requestId).catch(report("write the journal"));
      }
    },
  });
  const modes = () => ({ relay: config().system.modes.relay, backend: isBackendOn(config(), storedClients) });
  const findClient = clientFinder({ clients, vault, config, clock, load: (id) => gateway.budget.load(id) });
  let stopping = false;
  const http = createRouter({
    version: VERSION,
    clock,
    startedAt: clock.now(),
    settings: () => config().system,
    auth: {
      findClient,
      modes: () => ({ ...modes(), anonymous: config().system.allowAnonymous }),
      findProvider,
      recogniseKey,
      isEnabled: (provider) => of(provider).enabled,
    },
    gateway,
    catalogue: () => catalogue,
    open: outbound.fetchImage,
    pictures,
    blobs: () => blobs,
    notReady: async () =>
      stopping
        ? "stopping"
        : await clients.count().then(() => undefined, () => "the database does not answer"),
  });

  const background = new AbortController();
  undo.defer(() => background.abort());
  const reload = async () => {
    storedClients = await clients.count();
    await pools.load();
  };
  undo.use(settings.subscribe((now, before) => {
    if (Object.keys(now.keyPools).length > 0) void moveFileKeys().then(reload).catch(report("move keys"));
    else if (now.providers !== before.providers) void pools.load().catch(report("load keys"));
  }));
  void pools.discover(background.signal).catch(report("discover models"));
  every(
    clock,
    DISCOVER_EVERY,
    background.signal,
    () => pools.discover(background.signal),
    report("discover models"),
  );
  every(
    clock,
    DAY,
    background.signal,
    () => history.prune(clock.now() - config().history.retentionDays * DAY),
    report("prune the history"),
  );

  const settled = async () => {
    await gateway.settled();
    await pictures.settled();
  };
  const resources = undo.move();
  return {
    http,
    settings,
    usable: () =>
      catalogue.providers.filter((provider) => pools.pool(provider).has()).map((provider) => provider.name),
    modes,
    stores: { clients, keys, history, journal },
    reload,
    drain: () => {
      stopping = true;
    },
    settled,
    [Symbol.asyncDispose]: async () => {
      stopping = true;
      background.abort();
      await settled();
      await resources.disposeAsync();
    },
  };
}

function report(what: string) {
  return (error: unknown) => log.error("Could not {what}: {error}", { what, error });
}

/** Does `work` again and again with a pause of `ms` between, until the signal aborts. */
function every(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: () => Promise<unknown>,
  onError: (error: unknown) => void,
): void {
  (async () => {
    while (!signal.aborted) {
      await clock.sleep(ms, signal);
      await work().catch(onError);
    }
  })().catch(() => {});
}

/** The models that the configuration adds to each provider; the same arrays until it changes. */
function configuredModels(config: () => Config): (provider: Provider) => readonly Model[] {
  const known = new Map<string, { from: Config["hfModelMap"]; models: readonly Model[] }>();
  return (provider) => {
    const from = config().hfModelMap;
    const before = known.get(provider.name);
    if (before?.from === from) return before.models;
    const models = provider.configured?.(config()) ?? [];
    known.set(provider.name, { from, models });
    return models;
  };
}

/** Keys of the environment and of the store alike are looked up by their hash. */
function clientFinder(options: {
  clients: ClientStore;
  vault: Vault;
  config: () => Config;
  clock: Clock;
  load: (clientId: string) => Promise<void>;
}): AuthOptions["findClient"] {
  const { clients, vault, config, clock } = options;
  let given: { from: Config["system"]; hashes: Promise<Map<string, string>> } | undefined;
  const givenClients = () => {
    const { system } = config();
    if (given?.from !== system) given = { from: system, hashes: hashGiven(system, vault) };
    return given.hashes;
  };
  return async (key) => {
    const hash = await vault.fingerprint(key);
    const name = (await givenClients()).get(hash);
    if (name !== undefined) return { client: { name, models: [], providers: [] } };
    const stored = await clients.findByHash(hash);
    if (!stored) return undefined;
    await options.load(stored.id);
    return { client: clientOf(stored), refusal: refusalOf(stored, clock.now()) };
  };
}

async function hashGiven(
  { globalAccessKey, clientKeys }: Config["system"],
  vault: Vault,
): Promise<Map<string, string>> {
  const named: [string, string][] = clientKeys.map((key, index) => [key, `environment ${index + 1}`]);
  if (globalAccessKey) named.push([globalAccessKey, "global"]);
  return new Map(
    await Promise.all(named.map(async ([key, name]) => [await vault.fingerprint(key), name] as const)),
  );
}

function refusalOf({ enabled, expiresAt }: StoredClient, now: number): string | undefined {
  if (!enabled) return "This key was switched off";
  return expiresAt !== undefined && expiresAt <= now ? "This key has expired" : undefined;
}

function clientOf(stored: StoredClient): Client {
  const {
    id,
    name,
    models,
    providers,
    requestsPerMinute,
    imagesPerDay,
    imagesPerMonth,
    usdPerDay,
    usdPerMonth,
  } = stored;
  return {
    id,
    name,
    models,
    providers,
    requestsPerMinute,
    imagesPerDay,
    imagesPerMonth,
    usdPerDay,
    usdPerMonth,
  };
}

function recordOf(story: Story) {
  const { requestId, attempts, provider, usedModel, ...rest } = story;
  const last = attempts.at(-1);
  return {
    id: requestId,
    ...rest,
    provider: provider ?? last?.provider,
    usedModel: usedModel ?? last?.model,
  };
}

/** Rests end at midnight (UTC), as they did in img-router. */
async function addLegacyKeys(
  store: KeyStore,
  entries: LegacyKey[],
  now: number,
): Promise<void> {
  const { added } = await store.add(
    entries.map(({ provider, key, name, baseUrl, models, enabled, state, addedAt }) => ({
      provider,
      key,
      name,
      baseUrl,
      models,
      enabled: enabled && state !== "disabled",
      addedAt,
    })),
  );
  const resting = new Set(entries.filter((entry) => entry.state === "resting").map((entry) => entry.name));
  const midnight = (Math.floor(now / DAY) + 1) * DAY;
  await store.saveStates(
    added.filter(({ name }) => resting.has(name)).map((key) => ({
      ...key,
      restingUntil: midnight,
      restReason: "rate_limited before the import",
    })),
  );
}
