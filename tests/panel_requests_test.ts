/** The history of requests in a real browser: found, followed, and each told with all who were asked. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { RequestRecord } from "../src/store/history_record.ts";
import type { TestGateway } from "../src/testing/gateway.ts";
import { LogRing } from "../src/log/ring.ts";
import { giteeService } from "../src/testing/gitee_service.ts";
import { openAiService } from "../src/testing/openai_service.ts";
import { assertSound, openPanelPage } from "./panel_page.ts";

const CLIENT_KEY = "client-key-of-the-panel";
const MINUTE = 60_000;
/** A full minute, since that is what a field of a form can say; all that was before is in the past. */
const NOW = Math.floor(Date.now() / MINUTE) * MINUTE;

Deno.test("a request is told with each call on its way, its pictures, what was changed, and its log lines", async () => {
  await using openai = openAiService();
  await using gitee = giteeService();
  const ring = new LogRing();
  const rejected = openai.newKey();
  openai.reject(rejected);
  let id = "";
  await using panel = await openPanelPage("/requests", {
    gateway: {
      ring,
      env: { GATEWAY_API_KEYS: CLIENT_KEY },
      file: {
        providers: {
          OpenAI: { baseUrl: openai.url, text: { weight: 30 } },
          Gitee: { baseUrl: gitee.url, text: { weight: 20 } },
        },
      },
    },
    prepare: async (gateway) => {
      await gateway.app.stores.keys.add([
        { provider: "OpenAI", key: rejected, name: "old account" },
        { provider: "Gitee", key: gitee.newKey(), name: "studio" },
      ]);
      await gateway.app.reload();
      id = await ask(gateway, { prompt: "a lighthouse at dusk", seed: 7, size: "1000x700" }, CLIENT_KEY);
      ring.push({
        id: ring.nextId,
        time: Date.now(),
        level: "info",
        module: "gateway",
        requestId: id,
        message: "Gitee delivered in 12 ms",
        fields: {},
        told: [],
      });
    },
  });
  const { page } = panel;
  await page.getByRole("row", { name: /a lighthouse at dusk/ }).click();
  const story = page.getByRole("dialog", { name: "Request" });
  const calls = story.getByRole("list", { name: /Calls to providers/ }).getByRole("listitem");
  await calls.first().waitFor();
  const [first, second, ...others] = await calls.allInnerTexts();
  assert.deepEqual(others, []);
  for (const word of ["OpenAI", "Key rejected", "401", "old account"]) {
    assert.ok(first?.includes(word), `${word} in ${first}`);
  }
  for (const word of ["Gitee", "Delivered", "200", "studio"]) {
    assert.ok(second?.includes(word), `${word} in ${second}`);
  }
  assert.ok(await width(page, ".waterfall .bar") > 0);
  await story.getByRole("heading", { name: "What was changed" }).waitFor();
  await story.getByText(/^size: /).waitFor();
  await story.getByText(id, { exact: true }).waitFor();
  await story.getByRole("img", { name: "Picture 1 of 1" }).evaluate((image) =>
    (image as unknown as { decode(): Promise<void> }).decode()
  );
  await story.getByText("Gitee delivered in 12 ms").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("id"), id);
  await assertSound(panel, "a request");

  await story.getByRole("link", { name: "Show in the log" }).click();
  await page.getByRole("heading", { level: 1, name: "Logs" }).waitFor();
  assert.equal(new URL(page.url()).searchParams.get("request"), id);
  await page.getByText("Gitee delivered in 12 ms").waitFor();
  await page.goBack();
  await story.getByText("a lighthouse at dusk").waitFor();
  await page.keyboard.press("Escape");
  await story.waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).search, "");
});

Deno.test("a request opens by its address, and one that there is not says why that may be", async () => {
  await using panel = await openPanelPage("/requests?id=req_of_nobody");
  const { page, gateway } = panel;
  const story = page.getByRole("dialog", { name: "Request" });
  await story.getByText("There is no such request").waitFor();
  const id = await ask(gateway, { prompt: "a red fox" });
  await page.goto(`${gateway.url}/requests?id=${id}`);
  await story.getByText("a red fox").waitFor();
  await story.getByText("the caller’s own key").waitFor();
});

Deno.test("search and filters find what they name, stand in the address, and are taken away at once", async () => {
  await using panel = await openPanelPage("/requests", {
    prepare: (gateway) => record(gateway, 12),
  });
  const { page, gateway } = panel;
  await prompts(page, 12);
  await page.getByRole("searchbox").fill("NUMBER 7");
  assert.deepEqual(await prompts(page, 1), ["picture number 7"]);
  await page.getByRole("searchbox").fill("");
  await prompts(page, 12);
  await page.getByLabel("Result", { exact: true }).selectOption("failed");
  assert.deepEqual(await prompts(page, 3), ["picture number 9", "picture number 5", "picture number 1"]);
  await page.getByLabel("Client", { exact: true }).selectOption("shop");
  assert.deepEqual(await prompts(page, 1), ["picture number 9"]);
  assert.equal(new URL(page.url()).search, "?client=shop&status=failed");
  await page.reload();
  assert.deepEqual(await prompts(page, 1), ["picture number 9"]);
  await page.getByLabel("Model", { exact: true }).selectOption("gpt-image-1");
  await page.getByRole("heading", { name: "No request fits" }).waitFor();
  await page.getByRole("button", { name: "Clear filters" }).last().click();
  await prompts(page, 12);
  assert.equal(new URL(page.url()).search, "");

  await page.goto(`${gateway.url}/requests?provider=Gemini`);
  await prompts(page, 6);
  const local = await page.evaluate<string>(
    `new Date(${NOW - 3 * MINUTE} - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 16)`,
  );
  await page.getByLabel("From", { exact: true }).fill(local);
  assert.deepEqual(await prompts(page, 2), ["picture number 11", "picture number 9"]);
  await assertSound(panel, "filtered");
});

Deno.test("the list goes on while somebody scrolls, and news come in at its head", async () => {
  await using panel = await openPanelPage("/requests", { prepare: (gateway) => record(gateway, 170) });
  const { page, gateway, complaints } = panel;
  await prompts(page, 50);
  for (const count of [150, 170]) {
    await page.keyboard.press("End");
    await prompts(page, count);
  }

  await ask(gateway, { prompt: "a late picture" });
  await page.getByRole("button", { name: "There are newer requests" }).click();
  await page.getByRole("row", { name: /a late picture/ }).waitFor();
  await ask(gateway, { prompt: "a later picture" });
  await page.getByRole("row", { name: /a later picture/ }).waitFor();
  assert.deepEqual((await prompts(page, 50)).slice(0, 2), ["a later picture", "a late picture"]);
  assert.deepEqual(complaints, []);
});

Deno.test("a history with nothing in it leads to the playground, and on a phone filters are behind a button", async () => {
  await using panel = await openPanelPage("/requests", { width: 390, height: 844, theme: "dark" });
  const { page } = panel;
  const link = page.getByRole("link", { name: "Make one in the playground" });
  assert.equal(await link.getAttribute("href"), "/playground");
  assert.equal(await page.getByLabel("Provider", { exact: true }).isVisible(), false);
  await page.getByRole("button", { name: "Filters" }).click();
  await page.getByLabel("Provider", { exact: true }).waitFor();
  await assertSound(panel, "nothing yet");
});

/** The prompts in the list, once there are so many. */
async function prompts(page: Page, count: number): Promise<string[]> {
  const rows = page.locator("tbody tr");
  await rows.nth(count - 1).waitFor();
  await rows.nth(count).waitFor({ state: "detached" });
  return await page.locator("tbody .requests-prompt > :first-child").allInnerTexts();
}

async function width(page: Page, selector: string): Promise<number> {
  return (await page.locator(selector).first().boundingBox())!.width;
}

/** Gives the request's id. */
async function ask(gateway: TestGateway, body: Record<string, unknown>, key?: string): Promise<string> {
  const reply = await gateway.post("/v1/images/generations", { size: "64x64", ...body }, key);
  assert.equal(reply.status, 200, await reply.text());
  await gateway.app.settled();
  return reply.headers.get("x-request-id")!;
}

/** Requests a minute apart, the last one at `NOW`; each fourth failed. */
async function record({ app }: TestGateway, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const failed = index % 4 === 1;
    const request: RequestRecord = {
      id: `req_${index}`,
      time: NOW - (count - 1 - index) * MINUTE,
      task: "generate",
      model: index % 2 ? "gemini-2.5-flash-image" : "gpt-image-1",
      provider: index % 2 ? "Gemini" : "OpenAI",
      usedModel: index % 2 ? "gemini-2.5-flash-image" : "gpt-image-1",
      client: index % 3 ? "web site" : "shop",
      status: failed ? 503 : 200,
      outcome: failed ? "overloaded" : "ok",
      error: failed ? "The server is overloaded" : undefined,
      images: failed ? 0 : 1,
      durationMs: 1500 + index,
      prompt: `picture number ${index}`,
      notes: [],
    };
    app.stores.history.record(request, []);
  }
  await app.stores.history.flush();
}
