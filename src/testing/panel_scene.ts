/**
 * A gateway that has been in use for a while: some providers with keys in all states, clients, a week of history
 * and a few pictures. For tests of all pages of the panel, and for the pictures of it in the documentation.
 */
import { configureLog } from "../log/log.ts";
import type { AttemptRecord, RequestRecord } from "../store/history_record.ts";
import { adminOf, type TestAdmin } from "./admin.ts";
import { startGateway, type TestGateway } from "./gateway.ts";
import { closedPort } from "./scripted_service.ts";

/** What may be chosen. */
export interface PanelSceneOptions {
  /** How many requests the week has had. */
  requests: number;
  /** How many pictures are painted, at most as many as there are prompts. */
  pictures: number;
  /** Pictures are square, with sides of so many px. */
  side?: number;
}

/** The gateway, and what must never be seen of it. */
export interface PanelScene extends AsyncDisposable {
  gateway: TestGateway;
  admin: TestAdmin;
  /** Everything secret that was put into it. */
  secrets: string[];
  clientKey: string;
  /** Stops it, does something meanwhile, and starts it again at the same address. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WEEK = 7 * 24 * HOUR;

const PROMPTS = [
  "A red fox in fresh snow, morning light",
  "雨夜的霓虹街道，电影感",
  "Isometric greenhouse full of ferns, soft shadows",
  "Watercolor of a harbour at dusk",
  "A paper boat on a still lake, minimal",
  "春天的茶园，航拍，薄雾",
  "Portrait of an old clockmaker in warm lamplight",
  "Logo of a lighthouse, flat, two colours",
  "A whale above the rooftops of a sleeping town",
  "Macro photo of dew on a spider's web",
];

/** Who delivers how often, how fast and for how much. */
const ROUTES = [
  { provider: "OpenAI", model: "gpt-image-2", share: 0.4, ms: 14_000, usd: 0.042 },
  { provider: "Gemini", model: "gemini-2.5-flash-image", share: 0.3, ms: 6500, usd: 0.039 },
  { provider: "Doubao", model: "doubao-seedream-4-0-250828", share: 0.2, ms: 4200, usd: 0.03 },
  { provider: "Gitee", model: "Kolors", share: 0.1, ms: 9000, usd: 0.012 },
];
/** What goes wrong now and then, and is told to the caller. */
const FAILURES = [
  { outcome: "refused", status: 400, message: "The prompt was refused" },
  { outcome: "timed_out", status: 504, message: "No answer within 60000 ms" },
  { outcome: "refused", status: 400, message: "The prompt was refused" },
  { outcome: "rate_limited", status: 429, message: "Rate limit reached for images per minute" },
];
const CLIENTS = ["Phone app", "Newsletter", "Design team"];
const SECRETS = {
  globalKey: "planted-global-access-key-0123456789",
  optimizer: "sk-planted-optimizer-key-0123456789",
  bucket: "planted-bucket-secret-0123456789",
  bed: "planted-image-bed-code-0123456789",
  pool: [
    "sk-proj-planted0key1",
    "sk-proj-planted0key2",
    "sk-proj-planted0key3",
    "AIzaPlantedKeyOfGemini00000000000000001",
  ],
  environment: "planted0environment0key0of0gitee000000001",
};

/** Sets the scene. */
export async function startPanelScene(
  { requests, pictures, side = 256 }: PanelSceneOptions,
): Promise<PanelScene> {
  await using undo = new AsyncDisposableStack();
  const dataDir = await Deno.makeTempDir({ prefix: "imgrouter-scene-" });
  undo.defer(() => Deno.remove(dataDir, { recursive: true }));
  const log = undo.use(configureLog({ level: "info", format: "text", write: () => {} }));
  const options = {
    dataDir,
    ring: log.ring,
    env: { GITEE_API_KEYS: SECRETS.environment },
    dice: diceOf(7),
  };
  const file = {
    system: { globalAccessKey: SECRETS.globalKey },
    routing: { retryDelay: 1, maxRetries: 1 },
    // Nobody is there: whoever is asked for a picture here fails, and the cascade goes on.
    providers: Object.fromEntries(ROUTES.map(({ provider }) => [provider, { baseUrl: closedPort() }])),
    promptOptimizer: { apiKey: SECRETS.optimizer },
    storage: { s3: { secretKey: SECRETS.bucket } },
    imageBed: { authCode: SECRETS.bed },
    update: { url: closedPort() },
  };

  let clientKey = "";
  {
    // Statistics are counted from the history when a gateway starts that has none.
    await using before = await startGateway({ ...options, file });
    const { clients, history, keys } = before.app.stores;
    for (const name of CLIENTS) clientKey = (await clients.create({ name, imagesPerDay: 500 })).key;
    await keys.add(SECRETS.pool.map((key, index) => ({
      key,
      provider: key.startsWith("AIza") ? "Gemini" : "OpenAI",
      name: ["Main account", "Second account", "Old trial", "Studio"][index],
    })));
    for (const { request, attempts } of aWeek(requests, diceOf(11))) history.record(request, attempts);
  }

  let gateway = undo.use(await startGateway(options));
  const admin = await adminOf(gateway);
  await tireKeys(gateway);
  for (const prompt of PROMPTS.slice(0, pictures)) {
    const body = { model: "mock-painter", prompt, size: `${side}x${side}` };
    await (await gateway.post("/v1/images/generations", body, clientKey)).body?.cancel();
  }
  const failing = { model: "Gitee/Kolors", prompt: PROMPTS[7] };
  await (await gateway.post("/v1/images/generations", failing, clientKey)).body?.cancel();
  await gateway.stored();

  const held = undo.move();
  return {
    get gateway() {
      return gateway;
    },
    admin,
    clientKey,
    secrets: [...Object.values(SECRETS).flat(), clientKey, admin.token],
    restart: async (meanwhile = async () => {}) => {
      await gateway.stop();
      await meanwhile();
      gateway = held.use(await startGateway({ ...options, port: Number(new URL(gateway.url).port) }));
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** One key rests, one is off, one has had enough. */
async function tireKeys({ app }: TestGateway): Promise<void> {
  const { keys } = app.stores;
  const pool = await keys.list("OpenAI");
  const named = (name: string) => pool.find((key) => key.name === name)!;
  const used = { strikes: 0, modelRests: {}, failures: 3, lastUsedAt: Date.now() - 2 * MINUTE };
  await keys.saveStates([
    { ...used, id: named("Main account").id, successes: 812 },
    {
      ...used,
      id: named("Second account").id,
      successes: 455,
      strikes: 1,
      restingUntil: Date.now() + 40 * MINUTE,
      restedAt: Date.now() - 5 * MINUTE,
      restReason: "rate_limited",
      lastError: "Rate limit reached for images per minute",
    },
  ]);
  await keys.update(named("Old trial").id, { enabled: false });
  await app.reload();
}

/** Requests of the last week: more by day than by night, and a short outage that others stood in for. */
function* aWeek(
  count: number,
  dice: () => number,
): Generator<{ request: RequestRecord; attempts: AttemptRecord[] }> {
  const now = Date.now();
  for (let index = 0; index < count; index++) {
    // Half of them within the last day.
    const ago = (index % 2 === 0 ? WEEK : WEEK / 7) * dice();
    const time = now - ago;
    if (dice() > daylight(time)) continue;
    const pick = dice();
    let sum = 0;
    const chosen = ROUTES.findIndex(({ share }) => (sum += share) > pick);
    const route = ROUTES[chosen]!;
    const wasDown = route.provider === "OpenAI" && ago > 2 * HOUR && ago < 4 * HOUR;
    const failure = !wasDown && dice() < 0.02 ? FAILURES[Math.floor(dice() * FAILURES.length)] : undefined;
    const { provider, model, ms, usd } = wasDown ? ROUTES[1]! : route;
    const durationMs = Math.round(ms * (0.6 + 0.5 * dice() + dice() ** 6 * 3));
    const attempts: AttemptRecord[] = wasDown
      ? [{
        provider: route.provider,
        model: route.model,
        keyName: "Main account",
        outcome: "overloaded",
        status: 503,
        startedMs: 4,
        durationMs: 900,
        message: "The server is overloaded",
      }]
      : [];
    const startedMs = wasDown ? 1900 : 4;
    attempts.push({
      provider,
      model,
      keyName: provider === "Gemini" ? "Studio" : "Main account",
      outcome: failure?.outcome ?? "ok",
      status: failure?.status ?? 200,
      startedMs,
      durationMs,
      message: failure?.message,
      costUsd: failure ? undefined : usd,
    });
    yield {
      request: {
        id: `req-${index.toString(36).padStart(5, "0")}`,
        time,
        task: dice() < 0.8 ? "generate" : "edit",
        model: "auto",
        provider,
        usedModel: model,
        client: CLIENTS[Math.floor(dice() * CLIENTS.length)]!,
        status: failure?.status ?? 200,
        outcome: failure?.outcome ?? "ok",
        error: failure?.message,
        images: failure ? 0 : 1,
        durationMs: startedMs + durationMs,
        costUsd: failure ? undefined : usd,
        prompt: PROMPTS[Math.floor(dice() * PROMPTS.length)]!,
        notes: [],
      },
      attempts,
    };
  }
}

/** How much of the most is asked at this time of the day: least at three in the morning. */
function daylight(time: number): number {
  const hour = (time - new Date(time).getTimezoneOffset() * MINUTE) % (24 * HOUR) / HOUR;
  return 0.1 + 0.9 * Math.sin((hour - 3) / 24 * Math.PI) ** 2;
}

/** Chance that is the same each time. https://en.wikipedia.org/wiki/Linear_congruential_generator */
function diceOf(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}
