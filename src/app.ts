/** The only file that knows every part: opens the stores, wires gateway and HTTP, and ends them in order. */
import { join } from "node:path";
import { createAudit } from "./admin/audit.ts";
import { Filing } from "./admin/filing.ts";
import { createHousekeeping, type Housekeeping } from "./admin/housekeeping.ts";
import { importFolder } from "./admin/import_folder.ts";
import { LiveFeed } from "./admin/live.ts";
import { modelLabels } from "./admin/model_label.ts";
import { keyCounts } from "./admin/overview.ts";
import { createSessions, type Sessions } from "./admin/sessions.ts";
import { StorageState } from "./admin/storage_state.ts";
import { Updates } from "./admin/updates.ts";
import { Uploads } from "./admin/uploads.ts";
import { checkBackend, isBackendOn, type Loaded } from "./config/load.ts";
import type { Fault } from "./config/fault.ts";
import { type LegacyKey, moveKeys } from "./config/legacy_keys.ts";
import { inTheirPlaces } from "./config/optimizer_prompts.ts";
import type { ProviderIdentity } from "./config/provider_identity.ts";
import type { Config } from "./config/schema.ts";
import { Settings } from "./config/settings.ts";
import { bucketOf, knownBucket } from "./config/storage_target.ts";
import { type Clock, type Dice, systemClock } from "./core/clock.ts";
import type { Model, Provider } from "./core/provider.ts";
import { Budget } from "./gateway/budget.ts";
import type { Client } from "./gateway/caller.ts";
import { Gateway } from "./gateway/gateway.ts";
import type { Story } from "./gateway/story.ts";
import { createFitInputs } from "./gateway/fit_inputs.ts";
import { createFitOutput } from "./gateway/fit_output.ts";
import { PoolKeys } from "./gateway/lease.ts";
import { Pictures } from "./gateway/pictures.ts";
import { Pools } from "./gateway/pools.ts";
import { createPromptOptimizer } from "./gateway/prompt_optimizer.ts";
import type { AuthOptions } from "./http/auth.ts";
import type { EdgeApp } from "./http/documented.ts";
import { Metrics } from "./http/metrics.ts";
import { createRouter } from "./http/router.ts";
import { Links } from "./http/signed_links.ts";
import { logger } from "./log/log.ts";
import { LogRing } from "./log/ring.ts";
import { createLocalBlobs } from "./platform/blobs_local.ts";
import { createTieredBlobs } from "./platform/blobs_tiered.ts";
import { convertImage } from "./platform/convert.ts";
import { createDrafts } from "./platform/drafts.ts";
import { CurrentBucket } from "./platform/current_bucket.ts";
import { uploadToBed } from "./platform/image_bed.ts";
import { createOutbound } from "./platform/outbound.ts";
import { sqliteDialect } from "./platform/sqlite.ts";
import { Thumbnails } from "./platform/thumbnails.ts";
import { findProvider, PROVIDERS, recogniseKey } from "./providers/registry.ts";
import { Catalogue } from "./routing/catalogue.ts";
import { Health } from "./routing/health.ts";
import { type Client as StoredClient, type ClientStore, createClientStore } from "./store/clients.ts";
import { openDatabase } from "./store/database.ts";
import { createFacets } from "./store/facets.ts";
import { createHistory, type History } from "./store/history.ts";
import { createJournal, type Journal } from "./store/journal.ts";
import { createKeyStore, type KeyStore } from "./store/keys.ts";
import { createPictureStore, type PictureStore } from "./store/pictures.ts";
import { createVault, loadSecretKey, type Vault } from "./store/secrets.ts";
import { createStats } from "./store/stats.ts";
import { VERSION } from "./version.ts";

/** What an app is made from. */
export interface AppOptions {
  loaded: Loaded;
  clock?: Clock;
  dice?: Dice;
  /** The last lines of the log, for the panel. */
  ring?: LogRing;
}

/** A running gateway without its server. */
export interface App extends AsyncDisposable {
  http: EdgeApp;
  /** Every route, those of parts that are loaded later included. */
  routes: () => Promise<EdgeApp["routes"]>;
  settings: Settings;
  /** Names of providers that could answer a client's request now, or keys of which may be relayed. */
  usable: () => string[];
  modes: () => { relay: boolean; backend: boolean };
  stores: {
    clients: ClientStore;
    keys: KeyStore;
    history: History;
    journal: Journal;
    pictures: PictureStore;
  };
  housekeeping: Housekeeping;
  uploads: Uploads;
  sessions: Sessions;
  /** Takes in keys that were added to the store. */
  reload: () => Promise<void>;
  /** Tells load balancers to send nothing more. */
  drain: () => void;
  /** Resolves when the requests that run now have ended, and what they made is written. */
  settled: () => Promise<void>;
}

const DAY = 24 * 60 * 60_000;
/** How long an input is lent to a provider, in seconds: jobs may stand in a queue before they fetch it. */
const LENT_SECONDS = 10 * 60;
/** Changes by admins are few, and asked for long after. */
const KEEP_AUDIT = 365 * DAY;
const DISCOVER_EVERY = 60 * 60_000;
const RETAIN_EVERY = 60 * 60_000;
const PRUNE_STATS_EVERY = 60 * 60_000;
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
  { loaded, clock = systemClock, dice = Math.random, ring = new LogRing() }: AppOptions,
): Promise<App | { faults: Fault[] }> {
  await using undo = new AsyncDisposableStack();
  const settings = new Settings(loaded);
  const config = () => settings.current;
  const { dataDir, secretKey, adminPassword } = config();
  await Deno.mkdir(dataDir, { recursive: true });
  const vault = await createVault(await loadSecretKey({ dataDir, fromEnvironment: secretKey }));
  const db = await openDatabase(sqliteDialect(join(dataDir, "imgrouter.db")));
  undo.defer(() => db.destroy());
  const clients = createClientStore(db, vault, { clock });
  const keys = createKeyStore(db, vault, { clock });
  const history = undo.use(createHistory(db, { clock, onError: (error) => log.error("{error}", { error }) }));
  const journal = createJournal(db, { clock });
  const stats = undo.use(createStats(db, { clock, onError: (error) => log.error("{error}", { error }) }));
  const live = new LiveFeed({ clock });
  const pictureStore = createPictureStore(db);
  const storageState = new StorageState({ clock, store: pictureStore });
  const audit = createAudit(db, { clock });
  let storedClients = await clients.count();
  const fault = checkBackend(config(), storedClients);
  if (fault) return { faults: [fault] };
  const sessions = await createSessions(db, {
    clock,
    signingKey: await vault.derive("admin sessions"),
    fixedPassword: adminPassword,
  });

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
  const thumbnails = undo.use(
    new Thumbnails({
      folder: join(dataDir, "thumbnails"),
      onError: (error) => log.warn("Could not keep a thumbnail: {error}", { error }),
    }),
  );
  const links = new Links({
    clock,
    key: await vault.derive("picture links"),
    seconds: () => config().storage.linkSeconds,
  });
  const pools = undo.use(
    new Pools({
      clock,
      providers: PROVIDERS,
      settings: of,
      keylessModels: (provider) =>
        [...provider.models, ...configured(provider)].flatMap(({ id, keyless }) => keyless ? [id] : []),
      store: keys,
      open: outbound.openImage,
      onError: (error, what) => {
        const reason = error instanceof Error ? error.message : String(error);
        log.warn("Could not read or write {what}: {reason}", { what, reason });
      },
      onState: ({ name }) => live.publish({ type: "keys", provider: name }),
    }),
  );
  await pools.load();
  const storageFolder = join(dataDir, "storage");
  const blobs = createLocalBlobs(storageFolder);
  const bucket = undo.use(new CurrentBucket(() => knownBucket(config().storage)));
  const tiered = createTieredBlobs({
    local: blobs,
    remote: () => bucket.get(),
    index: pictureStore,
    onError: (error, name) => {
      log.error("{error}", { error, name });
      storageState.failed(`read ${name}`, error);
    },
  });
  const uploads = undo.use(
    new Uploads({
      clock,
      index: pictureStore,
      local: blobs,
      remote: () => bucketOf(config().storage) && bucket.get(),
      tiered,
      keepsLocal: () => config().storage.target !== "s3",
      onError: (error, name) => {
        log.error("{error}", { error, name });
        storageState.failed(name === undefined ? "upload pictures" : `upload ${name}`, error);
      },
    }),
  );
  const drafts = createDrafts(storageFolder);
  const filing = undo.use(
    new Filing({
      clock,
      index: pictureStore,
      local: blobs,
      idleFor: () => gateway.idleFor,
      onFiled: () => uploads.wake(),
      onError: (error, name = "pictures") => {
        log.error("Could not file {name}: {error}", { name, error });
        storageState.failed(`file ${name}`, error);
      },
    }),
  );
  const pictures = undo.use(
    new Pictures({
      clock,
      shelf: () =>
        config().storage.target === "off" ? undefined : {
          draft: drafts,
          note: pictureStore.addMissing,
          uploadWanted: bucketOf(config().storage) !== undefined,
        },
      onKept: () => {
        filing.wake();
        live.publish({ type: "pictures" });
      },
      onError: (error, name) => {
        log.error("Could not store {name}: {error}", { name, error });
        storageState.failed(`store ${name}`, error);
      },
    }),
  );
  const housekeeping = createHousekeeping({
    clock,
    store: pictureStore,
    blobs,
    folder: storageFolder,
    limits: () => config().storage,
    objects: tiered,
    uploadWanted: () => bucketOf(config().storage) !== undefined,
    thumbnails,
    isPending: (name) => pictures.isOnItsWay(name),
    onError: (error, name) => log.warn("Housekeeping could not deal with {name}: {error}", { name, error }),
  });
  const catalogue = new Catalogue({
    providers: PROVIDERS,
    settings: of,
    discovered: (provider) => pools.discovered(provider),
    configured,
  });
  const health = new Health({ onChange: (route) => live.publish({ type: "health", route }) });
  const labelOf = modelLabels(catalogue, PROVIDERS);
  const counted = await stats.backfill({ modelOf: labelOf }).catch(report("count the history"));
  if (counted) log.info("Counted {counted} requests of the history for statistics", { counted });
  const poolKeys = new PoolKeys({
    clock,
    pool: (provider) => pools.pool(provider),
    reveal: (key) => pools.reveal(key),
    baseUrl,
    queue: () => ({ length: config().routing.queueLength, timeoutMs: config().routing.queueTimeout }),
  });
  const metrics = undo.use(
    new Metrics({
      version: VERSION,
      inFlight: () => gateway.inFlight,
      waiting: () => poolKeys.waiting(),
      keys: () => keyCounts(PROVIDERS, pools, clock.now()),
      stored: () => storageState.report(),
    }),
  );
  const gatewayLog = logger("gateway");
  /** Requests with a job in the journal: most have none, and need no write at their end. */
  const journaled = new Set<string>();
  const gateway = new Gateway({
    clock,
    dice,
    open: outbound.openImage,
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
    keys: poolKeys,
    health,
    pictures,
    budget: new Budget({
      clock,
      store: clients,
      onError: (error) => log.error("Could not count use: {error}", { error }),
    }),
    fitInputs: createFitInputs(convertImage),
    fitOutput: createFitOutput(
      convertImage,
      (error) => log.warn("Could not convert a picture: {error}", { error }),
    ),
    optimizePrompt: createPromptOptimizer({
      clock,
      settings: () => inTheirPlaces(config().promptOptimizer),
      onFailure: (work, reason) => gatewayLog.warn("Could not {work} a prompt: {reason}", { work, reason }),
    }),
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
      return name && links.to(system.publicBaseUrl.replace(/\/+$/, ""), name, { atLeast: LENT_SECONDS });
    },
    onAccepted: ({ ticket, ...job }, requestId) => {
      gatewayLog.info("{provider} took on the job {job}", { provider: job.provider, job: ticket.id });
      journaled.add(requestId);
      journal.accepted({ requestId, ticketId: ticket.id, ticketUrl: ticket.url, ...job }).catch(
        report("write the journal"),
      );
    },
    onAttempt: ({ provider, model, outcome, durationMs, message, keyName, status }) => {
      const call = { provider, model: labelOf(provider, model), outcome };
      metrics.attempt(call);
      stats.call({ ...call, time: clock.now() });
      const fields = { provider, model, outcome, ms: durationMs, keyName, status, reason: message };
      if (outcome === "ok") gatewayLog.info("{provider} {model} delivered in {ms} ms", fields);
      else gatewayLog.warn("{provider} {model} failed: {outcome}: {reason}", fields);
    },
    onStory: (story) => {
      const record = recordOf(story);
      history.record(record, story.attempts);
      const { provider, usedModel } = record;
      const ended = { ...record, model: provider && usedModel && labelOf(provider, usedModel) };
      metrics.request(ended);
      stats.request({ ...ended, time: clock.now() });
      live.publish({ type: "stats" });
      if (journaled.delete(story.requestId)) {
        journal.ended(story.requestId).catch(report("write the journal"));
      }
    },
  });
  const modes = () => ({ relay: config().system.modes.relay, backend: isBackendOn(config(), storedClients) });
  const findClient = clientFinder({ clients, vault, config, clock, load: (id) => gateway.budget.load(id) });
  let stopping = false;
  const streams = new AbortController();
  const startedAt = clock.now();
  const reload = async () => {
    storedClients = await clients.count();
    await pools.load();
  };
  const { app: http, whole } = createRouter({
    version: VERSION,
    clock,
    startedAt,
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
    open: outbound.openImage,
    pictures,
    blobs: () => tiered,
    pictureFacts: async (name) => {
      const record = await pictureStore.get(name);
      const isPublic = config().storage.urls === "public" && record?.object !== undefined;
      const publicUrl = isPublic ? bucket.get()?.publicUrl(record.object!) : undefined;
      return record && { record, publicUrl };
    },
    links,
    pictureOrigins: () => bucketOrigins(config().storage.s3),
    thumbnails,
    sessions,
    metrics,
    notReady: async () =>
      stopping
        ? "stopping"
        : await clients.count().then(() => undefined, () => "the database does not answer"),
  }, {
    version: VERSION,
    startedAt,
    clock,
    settings,
    sessions,
    audit,
    updates: new Updates({ clock, open: outbound.open, url: () => config().update.url, version: VERSION }),
    providers: PROVIDERS,
    catalogue,
    gateway,
    pools,
    health,
    pictures,
    outbound,
    clients,
    keys,
    history,
    journal,
    stats,
    facets: createFacets(db),
    pictureStore,
    housekeeping,
    importPictures: (path, run) =>
      importFolder(path, {
        ...run,
        clock,
        store: pictureStore,
        blobs,
        folder: storageFolder,
        uploadWanted: () => bucketOf(config().storage) !== undefined,
        onError: (error, name) => log.warn("Could not import {name}: {error}", { name, error }),
      }),
    pictureUrl: ({ name, object }) => {
      const isPublic = config().storage.urls === "public" && object !== undefined;
      return (isPublic ? bucket.get()?.publicUrl(object) : undefined) ?? links.to("", name);
    },
    storageState,
    uploads,
    bucket: () => bucket.get(),
    live,
    ring,
    stopping: streams.signal,
    waiting: () => poolKeys.waiting(),
    modes,
    reload,
  });

  const background = new AbortController();
  undo.defer(async () => {
    background.abort();
    await housekeeping.settled();
  });
  undo.use(settings.subscribe((now, before) => {
    live.publish({ type: "settings", revision: settings.revision });
    if (JSON.stringify(now.storage) !== JSON.stringify(before.storage)) uploads.retry();
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
  filing.wake();
  void keepHouse(housekeeping, background.signal).then(() => filing.wake());
  every(
    clock,
    RETAIN_EVERY,
    background.signal,
    () => housekeeping.retain(background.signal),
    report("remove old pictures"),
  );
  every(
    clock,
    DAY,
    background.signal,
    () =>
      Promise.all([
        history.prune(clock.now() - config().history.retentionDays * DAY),
        audit.prune(clock.now() - KEEP_AUDIT),
      ]),
    report("prune the history"),
  );
  every(
    clock,
    PRUNE_STATS_EVERY,
    background.signal,
    () => stats.prune(clock.now()),
    report("prune the statistics"),
  );

  const served = async () => {
    await gateway.settled();
    await pictures.settled();
  };
  const resources = undo.move();
  return {
    http,
    routes: async () => (await whole()).routes,
    settings,
    usable: () =>
      catalogue.providers.filter((provider) => pools.pool(provider).has()).map((provider) => provider.name),
    modes,
    stores: { clients, keys, history, journal, pictures: pictureStore },
    housekeeping,
    uploads,
    sessions,
    reload,
    drain: () => {
      stopping = true;
      streams.abort();
    },
    settled: async () => {
      await served();
      await filing.settled();
    },
    [Symbol.asyncDispose]: async () => {
      stopping = true;
      streams.abort();
      background.abort();
      // What is not filed yet is so after the next start.
      await served();
      await resources.disposeAsync();
    },
  };
}

function report(what: string) {
  return (error: unknown) => log.error("Could not {what}: {error}", { what, error });
}

/** What is done about stored pictures at the start, beside everything else. */
async function keepHouse(housekeeping: Housekeeping, signal: AbortSignal): Promise<void> {
  try {
    const [{ added, removed, corrected, unreadable }] = await Promise.all([
      housekeeping.repair({ signal }),
      housekeeping.retain(signal),
    ]);
    if (added + removed + corrected > 0) {
      log.info(
        "Brought the index of pictures up to date: {added} added, {removed} removed, {corrected} corrected, {unreadable} unreadable",
        { added, removed, corrected, unreadable },
      );
    }
  } catch (error) {
    if (!signal.aborted) report("keep house among the pictures")(error);
  }
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

/** From where a browser may be sent pictures of the bucket. */
function bucketOrigins({ endpoint, publicUrl, bucket }: Config["storage"]["s3"]): string[] {
  const named = [endpoint, publicUrl].filter((url) => url !== undefined).map((url) => new URL(url));
  const own = named.map(({ origin }) => origin);
  return endpoint && bucket ? [...own, new URL(endpoint).origin.replace("://", `://${bucket}.`)] : own;
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
    const stored = await clients.findByKey(key);
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
export async function addLegacyKeys(
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
