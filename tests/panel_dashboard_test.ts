/** The dashboard in a real browser: what it says at first, in health, in trouble, and after a busy month. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { TestGateway } from "../src/testing/gateway.ts";
import { largeHistory } from "./large_history.ts";
import { assertSound, openPanelPage } from "./panel_page.ts";

const MINUTE = 60_000;

Deno.test("a first start shows three steps, and goes on to the figures when a picture was made", async () => {
  await using panel = await openPanelPage("/admin");
  const { page, gateway } = panel;
  await page.getByRole("heading", { name: "Welcome! Three steps and it works" }).waitFor();
  await assertSound(panel, "first start");
  const leads = async (name: string) =>
    await page.getByRole("link", { name, exact: true }).last().getAttribute("href");
  assert.deepEqual([
    await leads("To the playground"),
    await leads("Add keys"),
    await leads("Make a client key"),
  ], [
    "/playground",
    "/keys",
    "/clients",
  ]);
  assert.equal(await page.getByText("Done", { exact: true }).count(), 0);
  await page.getByText(`${gateway.url}/v1`).waitFor();

  await paint(gateway, "a red fox");
  await page.getByText("Images are being made").waitFor();
  await page.getByText("1 image in the last hour; 0 of 1 request failed.").waitFor();
  assert.equal(await page.getByText("Done", { exact: true }).count(), 1);
  await page.getByRole("button", { name: "Hide these steps" }).click();
  await page.reload();
  await page.getByText("Images are being made").waitFor();
  assert.equal(await page.getByText("Welcome!").count(), 0);
  await assertSound(panel, "with a picture");
});

Deno.test("the dashboard says who is ill, why and until when, and what failed leads to its story", async () => {
  await using panel = await openPanelPage("/admin", {
    gateway: { env: { GATEWAY_API_KEYS: "a-client" } },
    prepare: async (gateway) => {
      const { keys } = gateway.app.stores;
      const { added } = await keys.add(["studio", "trial"].map((name) => (
        { provider: "OpenAI", key: `sk-proj-${name}0123456789abcdef`, name }
      )));
      await keys.saveStates(added.map(({ id }) => ({
        id,
        strikes: 1,
        modelRests: {},
        successes: 0,
        failures: 1,
        restingUntil: Date.now() + 30.5 * MINUTE,
        restReason: "out_of_credit: You have reached your billing limit",
      })));
      await gateway.app.reload();
      await paint(gateway, "a picture of [refuse]");
    },
  });
  const { page } = panel;
  await page.getByText("No provider has a key that can be used now").waitFor();
  const ill = card(page, "Needs attention");
  await ill.getByText("all 2 keys rest").waitFor();
  await ill.getByText("Key studio").waitFor();
  const [told] = await ill.getByRole("listitem").allInnerTexts();
  assert.match(told!, /^OpenAI/);
  assert.match(told!, /Back:\s+in 30 minutes/);
  assert.match(told!, /Out of credit: You have reached your billing limit/);

  await card(page, "Recent failures").getByRole("link", { name: "Refused" }).click();
  const story = page.getByRole("dialog", { name: "Request" });
  await story.getByText("a picture of [refuse]").waitFor();
  await story.getByText("the prompt asked for it").first().waitFor();
  await assertSound(panel, "a failed request");
});

Deno.test("a picture that could not be stored shows as an error of the disk", async () => {
  await using panel = await openPanelPage("/admin", {
    prepare: async (gateway) => {
      // A file where the folder should be.
      await Deno.writeTextFile(`${gateway.dataDir}/storage`, "");
      await paint(gateway, "a red fox");
    },
  });
  const storage = card(panel.page, "Storage");
  await storage.getByText("Some pictures could not be stored").waitFor();
  await storage.getByRole("list", { name: "What failed" }).getByText(/store .+\.png/).first().waitFor();
});

Deno.test("with 100 000 requests and 10 000 keys the dashboard is there at once, and says what is not known", async () => {
  await using month = await largeHistory({ requests: 100_000, keys: 10_000, until: Date.now() });
  await using panel = await openPanelPage("/update", { gateway: { dataDir: month.dataDir } });
  const { page, gateway } = panel;
  await page.getByRole("heading", { level: 1, name: "Update" }).waitFor();

  const startedAt = performance.now();
  await page.goto(`${gateway.url}/admin`);
  await page.getByText("Some requests fail").waitFor();
  await card(page, "Needs attention").getByText("244 more keys rest").waitFor();
  await page.locator("canvas").first().waitFor();
  console.log(`the dashboard is usable after ${Math.round(performance.now() - startedAt)} ms`);

  const figures = page.getByRole("region", { name: "How it stands" });
  const told = await figures.innerText();
  assert.match(told, /Delivered, last hour\n9\d(\.\d)?%|Delivered, last hour\n8\d(\.\d)?%/);
  assert.match(told, /Cost this month\n\$[\d,]+\.\d\d\nand [\d,]+ images without a known price/);
  assert.match(told, /Time to image, last hour\n[\d.]+ sec/);

  await page.getByRole("group", { name: "Range" }).getByRole("button", { name: "Month" }).click();
  await page.getByRole("group", { name: "What is shown" }).getByRole("button", { name: "Requests" }).click();
  const parts = page.getByRole("table", { name: "By provider" });
  const calls = await parts.getByRole("row", { name: /^OpenAI/ }).getByRole("cell").nth(1).innerText();
  assert.ok(Number(calls.replaceAll(",", "")) > 30_000, `OpenAI was called ${calls} times`);
  await page.getByText("Show as a table").first().click();
  const days = page.getByRole("table", { name: "Requests, by provider" }).getByRole("row");
  await days.nth(31).waitFor();
  assert.equal(await days.count(), 1 + 31);
  await page.reload();
  await page.getByRole("button", { name: "Month", pressed: true }).waitFor();
  await assertSound(panel, "a month");
});

Deno.test("on a phone in Chinese what is ill comes before the charts", async () => {
  await using panel = await openPanelPage("/admin", {
    width: 390,
    height: 844,
    language: "zh-CN",
    theme: "dark",
    prepare: (gateway) => paint(gateway, "a red fox"),
  });
  const { page } = panel;
  await page.getByText("正在正常出图").waitFor();
  const top = async (title: string) => (await card(page, title).boundingBox())!.y;
  assert.ok(await top("需要关注") < await top("趋势"));
  await page.locator("canvas").first().waitFor();
  await assertSound(panel, "phone");
});

function card(page: Page, title: string) {
  return page.locator("section.card", { has: page.getByRole("heading", { name: title, exact: true }) });
}

async function paint(gateway: TestGateway, prompt: string): Promise<void> {
  const reply = await gateway.post("/v1/images/generations", { prompt, size: "64x64" });
  await reply.body?.cancel();
  await gateway.app.settled();
}
