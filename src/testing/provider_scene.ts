/**
 * The scene of a provider's tests: its scripted service, a gateway before it, and a caller who brings a key of that
 * service. A test file says which service, and what else is particular to its provider.
 */
import assert from "node:assert/strict";
import type { Clock } from "../core/clock.ts";
import type { FakeClock } from "./fake_clock.ts";
import { startGateway, type TestGateway } from "./gateway.ts";
import { refusal } from "./provider_replies.ts";
import type { Refusal } from "./reply.ts";
import type { ScriptedService } from "./scripted_service.ts";

/** What a request is made of in a test. */
type Fields = Record<string, unknown>;

/** What is particular to a provider, or to one test of it. */
export interface ProviderSceneOptions<S extends ScriptedService, C extends Clock> {
  /** Is closed with the scene. */
  service: S;
  /** Variables of the gateway; one of them says where the service is. */
  env: Record<string, string>;
  /** Content of `runtime-config.json`. */
  file?: unknown;
  /** The gateway's; jitter takes a quarter off all pauses on it. */
  clock: C;
  /** Members of every request whose test doesn't name them. */
  fields?: Fields;
  /** Lets the pauses before so many questions pass; how many there usually are is its own default. */
  wait?: (clock: C, questions?: number) => Promise<void>;
}

/** A gateway before a scripted service, and a caller who brings a key. */
export interface ProviderScene<S extends ScriptedService, C extends Clock> extends AsyncDisposable {
  service: S;
  gateway: TestGateway;
  clock: C;
  /** The caller's. */
  key: string;
  /** Asks for a picture of a fox as base64 at `/v1/images/…`; no time passes. */
  ask(operation: string, fields?: Fields, init?: RequestInit): Promise<Response>;
  /** Asks for a picture, and waits for as many questions as its job is scripted to take. */
  generate(fields?: Fields, questions?: number): Promise<Response>;
  /** Asks for an edit, and waits for as many questions as its job is scripted to take. */
  edit(fields?: Fields, questions?: number): Promise<Response>;
}

/** Starts a scene. Nothing in it is tried twice, and chance always falls in the middle. */
export async function startProviderScene<S extends ScriptedService, C extends Clock>(
  { service, env, file, clock, fields: usual, wait }: ProviderSceneOptions<S, C>,
): Promise<ProviderScene<S, C>> {
  await using stack = new AsyncDisposableStack();
  stack.use(service);
  const gateway = stack.use(
    await startGateway({ env: { MAX_RETRIES: "0", ...env }, file, clock, dice: () => 0.5 }),
  );
  const key = service.newKey();
  const ask = (operation: string, fields?: Fields, init?: RequestInit) => {
    const body = { prompt: "a fox", response_format: "b64_json", ...usual, ...fields };
    return gateway.post(`/v1/images/${operation}`, body, key, init);
  };
  const patiently = (operation: string) => async (fields?: Fields, questions?: number) => {
    const reply = ask(operation, fields);
    await wait?.(clock, questions);
    return await reply;
  };
  const held = stack.move();
  return {
    service,
    gateway,
    clock,
    key,
    ask,
    generate: patiently("generations"),
    edit: patiently("edits"),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Waits for questions whose pauses begin at half a second and double up to two, less a quarter by the dice. */
export async function doublingPauses(clock: FakeClock, questions = 1): Promise<void> {
  for (let turn = 0; turn < questions; turn++) await clock.passSleep(Math.min(1500, 375 * 2 ** turn));
}

/** What the last request for an image held, where it was JSON. */
export function sent({ service }: { service: ScriptedService }): Fields {
  return service.imageCalls.at(-1)!.json as Fields;
}

/** The same without the prompt. */
export function wishesSent(scene: { service: ScriptedService }): Fields {
  const { prompt: _prompt, ...rest } = sent(scene);
  return rest;
}

/**
 * Has the service refuse a picture in its own words, and holds what the caller is told against it.
 * @throws AssertionError where status, code or message differ, or where it was asked again
 */
export async function assertUnderstood(
  { service, ask }: ProviderScene<ScriptedService, Clock>,
  fault: Refusal,
  { status, code, message }: { status: number; code: string; message: string },
): Promise<void> {
  service.fail(fault);
  const told = await refusal(await ask("generations"));
  assert.deepEqual([told.status, told.code], [status, code]);
  assert.ok(told.message.includes(message), told.message);
  assert.equal(service.calls.length, 1);
}
