/** What holds for every provider: each one in the registry, through the whole gateway, against its scripted service. */
import assert from "node:assert/strict";
import { canDo, operationOf, type Provider } from "../src/core/provider.ts";
import { readImageFacts } from "../src/core/media.ts";
import { type Task, TASKS } from "../src/core/request.ts";
import { PROVIDERS } from "../src/providers/registry.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";
import { assertMatches } from "../src/testing/openai_schema.ts";
import { paint } from "../src/testing/painting.ts";
import { RushingClock } from "../src/testing/rushing_clock.ts";
import type { ScriptedService } from "../src/testing/scripted_service.ts";
import { SERVICES } from "../src/testing/services.ts";

const PATHS: Record<Task, string> = {
  generate: "/v1/images/generations",
  edit: "/v1/images/edits",
  blend: "/v1/images/blend",
  variation: "/v1/images/variations",
};
const INPUT = (await paint({ width: 1024, height: 1024 })).toBase64();
const REMOTE = PROVIDERS.filter((provider) => !provider.keyless && provider.env);

/** A gateway with one provider that has one key. */
interface Scene extends AsyncDisposable {
  gateway: TestGateway;
  service: ScriptedService;
  key: string;
  ask(task: Task, fields?: Record<string, unknown>, init?: RequestInit): Promise<Response>;
}

async function startScene(provider: Provider, env: Record<string, string> = {}): Promise<Scene> {
  const service = SERVICES[provider.name]!();
  const key = (service as ScriptedService & { newKey(): string }).newKey();
  const gateway = await startGateway({
    clock: new RushingClock(),
    env: {
      [`${provider.env}_BASE_URL`]: service.url,
      [`${provider.env}_API_KEY`]: key,
      GATEWAY_API_KEYS: "client-key",
      MAX_RETRIES: "0",
      ...env,
    },
  });
  return {
    gateway,
    service,
    key,
    ask: (task, fields = {}, init) => {
      const inputs = task === "generate" ? {} : { image: Array(task === "blend" ? 2 : 1).fill(INPUT) };
      const prompt = task === "variation" ? {} : { prompt: "a red fox in the snow" };
      const body = {
        provider: provider.name,
        model: MODELS[provider.name] ?? "auto",
        ...prompt,
        ...inputs,
        ...fields,
      };
      return gateway.post(PATHS[task], body, "client-key", init);
    },
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
    },
  };
}

/** Services that stand for any model have none to choose by themselves, and Spaces have hosts of their own. */
const MODELS: Record<string, string> = {
  HuggingFace: "black-forest-labs/FLUX.2-dev",
  NewApi: "gpt-image-2",
};

function tasksOf(provider: Provider): Task[] {
  return TASKS.filter((task) =>
    operationOf(provider, task) && provider.models.some((model) => canDo(model, task))
  );
}

async function pixels(gateway: TestGateway, item: { url?: string; b64_json?: string }): Promise<Uint8Array> {
  if (item.b64_json !== undefined) return Uint8Array.fromBase64(item.b64_json);
  const url = item.url ?? "";
  assert.ok(url.startsWith(`${gateway.url}/storage/`), url);
  return await (await fetch(url)).bytes();
}

Deno.test("every provider in the registry has a scripted service", () => {
  assert.deepEqual(
    REMOTE.filter((provider) => !SERVICES[provider.name]).map((provider) => provider.name),
    [],
  );
});

for (const provider of REMOTE.filter(({ name }) => SERVICES[name])) {
  for (const task of tasksOf(provider)) {
    for (const format of ["url", "b64_json"]) {
      for (const n of [1, 3]) {
        Deno.test(`${provider.name}: ${task} gives exactly ${n} as ${format}, each an image of its own`, async () => {
          await using scene = await startScene(provider);
          const response = await scene.ask(task, { n, response_format: format });
          const body = await response.json();
          assert.equal(response.status, 200, JSON.stringify(body).slice(0, 500));
          assertMatches("ImagesResponse", body);
          assert.equal(body.data.length, n);
          const images = await Promise.all(body.data.map((item: object) => pixels(scene.gateway, item)));
          for (const image of images) assert.ok(readImageFacts(image), "it is an image");
          assert.equal(new Set(images.map((image) => image.toBase64())).size, n);
          assert.equal(response.headers.get("x-imgrouter-provider"), provider.name);
        });
      }
    }

    Deno.test(`${provider.name}: ${task} is given up when the client leaves, and blames no key`, async () => {
      await using scene = await startScene(provider);
      const { service, gateway } = scene;
      using gate = service.hold("reply");
      const leaving = new AbortController();
      const asked = scene.ask(task, {}, { signal: leaving.signal });
      await service.until(() => gate.waiting > 0);
      leaving.abort();
      await assert.rejects(asked, { name: "AbortError" });
      // The scripted server sees only callers with small requests leave; what the gateway did tells of the others.
      if (task === "generate") await service.until(() => service.aborted > 0);
      const { history, keys } = gateway.app.stores;
      await gateway.app.settled();
      await history.flush();
      const { data } = await history.list({});
      assert.deepEqual(data.map(({ outcome }) => outcome), ["cancelled"]);
      assert.deepEqual((await keys.list()).filter((key) => key.strikes > 0), []);
    });

    Deno.test(`${provider.name}: ${task} refused by moderation stops at once, blames no key and gives the reason`, async () => {
      await using scene = await startScene(provider);
      const response = await scene.ask(task, { prompt: "something forbidden" });
      const body = await response.json();
      assertMatches("ErrorResponse", body);
      assert.deepEqual(
        [response.status, body.error.code],
        [400, "content_policy_violation"],
        JSON.stringify(body),
      );
      assert.equal(response.headers.get("x-should-retry"), "false");
      const again = await scene.ask(task);
      assert.equal(again.status, 200, await again.text());
    });

    Deno.test(`${provider.name}: ${task} with a dead key rests the key and tells a client nothing of it`, async () => {
      await using scene = await startScene(provider);
      scene.service.reject(scene.key);
      const response = await scene.ask(task);
      const body = await response.json();
      assertMatches("ErrorResponse", body);
      assert.equal(response.status, 503, JSON.stringify(body));
      assert.ok(!JSON.stringify(body).includes(scene.key));
      const calls = scene.service.imageCalls.length;
      const again = await scene.ask(task);
      assert.equal(again.status, 503, await again.text());
      assert.equal(scene.service.imageCalls.length, calls, "a dead key is not asked again");
    });

    Deno.test(`${provider.name}: ${task} limited in rate is told as 429 with the time to wait`, async () => {
      await using scene = await startScene(provider);
      scene.service.limit(scene.key, { retryAfter: 40 });
      const response = await scene.ask(task);
      const body = await response.json();
      assertMatches("ErrorResponse", body);
      assert.equal(response.status, 429, JSON.stringify(body));
      assert.ok(Number(response.headers.get("retry-after")) > 0);
    });

    for (const fault of ["garbage", "truncated", "empty"] as const) {
      Deno.test(`${provider.name}: ${task} answered with a ${fault} reply is an error, never an empty success`, async () => {
        await using scene = await startScene(provider);
        scene.service.fail(fault, 20);
        const response = await scene.ask(task);
        const body = await response.json();
        assertMatches("ErrorResponse", body);
        assert.ok(
          response.status === 502 || response.status === 503 || response.status === 504,
          `${response.status} ${JSON.stringify(body)}`,
        );
      });
    }
  }
}
