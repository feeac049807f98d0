/** A gateway before two scripted providers with keys in its store, and what a drill asks of all three. */
import assert from "node:assert/strict";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { type GiteeService, giteeService } from "../src/testing/gitee_service.ts";
import { type OpenAiService, openAiService } from "../src/testing/openai_service.ts";
import { assertMatches } from "../src/testing/openai_schema.ts";
import type { ProviderKey } from "../src/store/keys.ts";

/** The key of the client in backend mode. */
export const CLIENT_KEY = "client-key-of-the-drill";

/** What a drill may choose. */
export interface SceneOptions {
  /** How many keys each pool holds. Default 1. */
  openaiKeys?: number;
  giteeKeys?: number;
  /** Merged into the settings of the provider that is asked first. */
  openaiSettings?: Record<string, unknown>;
  giteeSettings?: Record<string, unknown>;
  routing?: Record<string, unknown>;
  env?: Record<string, string>;
  dice?: () => number;
}

/** The stage of a drill: OpenAI is asked first, Gitee second. */
export interface Scene extends AsyncDisposable {
  clock: FakeClock;
  gateway: TestGateway;
  openai: OpenAiService;
  gitee: GiteeService;
  /** Secrets by the name of their key, `openai-1`, `gitee-1` and so on. */
  secrets: Record<string, string>;
  /** Asks for an image with the client's key. */
  ask(body?: Record<string, unknown>, init?: RequestInit): Promise<Response>;
  /** The same with a key of OpenAI that the caller brings. */
  relay(body?: Record<string, unknown>, init?: RequestInit): Promise<Response>;
  /** The key that relaying callers bring. */
  relayKey: string;
  /** What the store says about each key in a few words, after all was written; keys without a blemish are left out. */
  blemishes(): Promise<Record<string, string>>;
  /** Names of the keys that were shown to both services when images were asked for, in order. */
  asked(): string[];
}

/** Sets the stage. A wait between two rounds takes 2250, 4500 … ms, as no other sleep does. */
export async function startScene(options: SceneOptions = {}): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const openai = stack.use(openAiService());
  const gitee = stack.use(giteeService());
  const clock = new FakeClock();
  const gateway = stack.use(
    await startGateway({
      clock,
      dice: options.dice ?? (() => 0.5),
      env: { GATEWAY_API_KEYS: CLIENT_KEY, ...options.env },
      file: {
        routing: { retryDelay: 3000, ...options.routing },
        providers: {
          OpenAI: { baseUrl: openai.url, text: { weight: 30 }, ...options.openaiSettings },
          Gitee: { baseUrl: gitee.url, text: { weight: 20 }, ...options.giteeSettings },
        },
      },
    }),
  );
  const secrets: Record<string, string> = {};
  const pool = (provider: string, service: OpenAiService | GiteeService, count = 1) =>
    Array.from({ length: count }, (_, index) => {
      const name = `${provider.toLowerCase()}-${index + 1}`;
      const key = secrets[name] = service.newKey();
      return { provider, key, name, addedAt: index };
    });
  await gateway.app.stores.keys.add([
    ...pool("OpenAI", openai, options.openaiKeys),
    ...pool("Gitee", gitee, options.giteeKeys),
  ]);
  await gateway.app.reload();

  const relayKey = openai.newKey();
  const names = new Map(Object.entries(secrets).map(([name, secret]) => [secret, name]));
  const ask = (key: string) => (body: Record<string, unknown> = {}, init?: RequestInit) =>
    gateway.post("/v1/images/generations", { prompt: "a cat", ...body }, key, init);
  const held = stack.move();
  return {
    clock,
    gateway,
    openai,
    gitee,
    secrets,
    relayKey,
    ask: ask(CLIENT_KEY),
    relay: ask(relayKey),
    blemishes: async () => {
      await gateway.app.reload();
      const keys = await gateway.app.stores.keys.list();
      return Object.fromEntries(keys.flatMap((key) => {
        const words = blemish(key, clock.now());
        return words ? [[key.name, words]] : [];
      }));
    },
    asked: () =>
      [...openai.imageCalls, ...gitee.imageCalls].sort((a, b) => a.at - b.at)
        .map(({ key = "" }) => key === relayKey ? "relay" : names.get(key) ?? "a stranger"),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function blemish(key: ProviderKey, now: number): string {
  const told: string[] = [];
  const kind = (reason = "") => reason.split(":")[0];
  const seconds = (until: number) => `${(until - now) / 1000} s`;
  if (!key.enabled) told.push("disabled");
  if (key.restingUntil !== undefined && key.restingUntil > now) {
    told.push(`rests ${seconds(key.restingUntil)}: ${kind(key.restReason)}`);
  }
  for (const [model, rest] of Object.entries(key.modelRests)) {
    if (rest.until > now) told.push(`rests ${seconds(rest.until)} for ${model}: ${kind(rest.reason)}`);
  }
  return told.join("; ");
}

/** What a caller who was refused has seen. */
export interface Refused {
  status: number;
  code: string | null;
  type: string;
  param: string | null;
  message: string;
  /** In seconds. */
  retryAfter: number | undefined;
  mayRetry: boolean;
}

/** Reads an error, and asserts that it is one as OpenAI describes it. */
export async function refused(reply: Response | Promise<Response>): Promise<Refused> {
  const response = await reply;
  assert.ok(response.status >= 400, `expected an error, got ${response.status}`);
  assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
  const body = await response.json();
  assertMatches("ErrorResponse", body);
  const after = response.headers.get("retry-after");
  return {
    status: response.status,
    ...body.error,
    retryAfter: after === null ? undefined : Number(after),
    mayRetry: response.headers.get("x-should-retry") === "true",
  };
}

/** Reads a success: who delivered, how many images, after how many calls. */
export async function delivered(reply: Response | Promise<Response>): Promise<string> {
  const response = await reply;
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  const header = (name: string) => response.headers.get(`x-imgrouter-${name}`);
  return `${body.data.length} by ${header("provider")} after ${header("attempts")}`;
}

/** The parts of a refusal that programs read. */
export function told({ status, code, type, param, retryAfter, mayRetry }: Refused) {
  return { status, code, type, param, retryAfter, mayRetry };
}
