/** The page of channels in a real browser: what is put in order there decides who is asked, and nothing typed is lost. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { giteeService } from "../src/testing/gitee_service.ts";
import type { TestGateway } from "../src/testing/gateway.ts";
import { openAiService } from "../src/testing/openai_service.ts";
import { assertSound, openPanelPage, type PanelPageOptions } from "./panel_page.ts";

const CLIENT = "client-key";

/** Two services with keys, and the page. */
async function openChannels(path: string, options: PanelPageOptions = {}) {
  await using stack = new AsyncDisposableStack();
  const openai = stack.use(openAiService());
  const gitee = stack.use(giteeService());
  const panel = stack.use(
    await openPanelPage(path, {
      ...options,
      gateway: {
        ...options.gateway,
        env: {
          GATEWAY_API_KEYS: CLIENT,
          RETRY_DELAY: "0",
          OPENAI_BASE_URL: openai.url,
          GITEE_BASE_URL: gitee.url,
          OPENAI_API_KEY: openai.newKey(),
          GITEE_API_KEY: gitee.newKey(),
        },
      },
    }),
  );
  const held = stack.move();
  return { ...panel, openai, gitee, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** Who makes the next picture. */
async function nextAsked(gateway: TestGateway): Promise<string | null> {
  const reply = await gateway.post("/v1/images/generations", { prompt: "a cat", n: 1 }, CLIENT);
  await reply.body?.cancel();
  return reply.headers.get("x-imgrouter-provider");
}

/** Names in the order of the list, and of the plan beside it. */
const listed = (page: Page) => page.getByRole("list", { name: "Asked in this order" }).getByRole("listitem");
const planned = (page: Page) => page.getByRole("list", { name: "Who would be asked?" }).getByRole("listitem");

Deno.test("a channel that is moved, by keyboard or by drag, is asked next, and the preview says so", async () => {
  await using panel = await openChannels("/channel", {
    gateway: { file: { providers: { OpenAI: { text: { weight: 20 } } } } },
  });
  const { page, gateway } = panel;
  await listed(page).filter({ hasText: "OpenAI" }).waitFor();
  await planned(page).first().getByText("OpenAI").waitFor();
  assert.equal(await nextAsked(gateway), "OpenAI");

  await page.getByRole("button", { name: "Move Gitee up" }).click();
  await listed(page).first().filter({ hasText: "Gitee" }).waitFor();
  await planned(page).first().getByText("Gitee").waitFor();
  assert.equal(await nextAsked(gateway), "Gitee");

  await listed(page).nth(1).locator(".grip").dragTo(listed(page).first());
  await listed(page).first().filter({ hasText: "OpenAI" }).waitFor();
  await planned(page).first().getByText("OpenAI").waitFor();
  assert.equal(await nextAsked(gateway), "OpenAI");
  await assertSound(panel, "channels");
});

Deno.test("a weight by number and a switch decide who is asked, and who is left out is told with the reason", async () => {
  await using panel = await openChannels("/channel");
  const { page, gateway } = panel;
  await page.getByRole("spinbutton", { name: "Weight of Gitee" }).fill("70");
  await page.keyboard.press("Enter");
  await planned(page).first().getByText("first in 100%").waitFor();
  assert.equal(await nextAsked(gateway), "Gitee");
  await page.getByRole("switch", { name: "Use Gitee" }).click();
  await planned(page).first().getByText("OpenAI").waitFor();
  await page.getByText(/\d+ are left out/).click();
  await page.getByRole("listitem").filter({ hasText: "Gitee it is switched off" }).waitFor();
  assert.equal(await nextAsked(gateway), "OpenAI");
  await assertSound(panel, "channels");
});

Deno.test("the preview follows model and size, and asks nobody", async () => {
  await using panel = await openChannels("/channel");
  const { page, openai, gitee } = panel;
  await planned(page).first().waitFor();
  await page.getByRole("textbox", { name: "Model" }).fill("Kolors");
  await planned(page).first().getByText("Kolors").waitFor();
  assert.equal(await planned(page).count(), 1);
  assert.equal(openai.imageCalls.length + gitee.imageCalls.length, 0);
});

Deno.test("defaults, limits and prices of a provider are set and hold", async () => {
  await using panel = await openChannels("/channel?provider=Gitee");
  const { page, gateway, gitee } = panel;
  const text = page.getByRole("group", { name: "Text" });
  await text.getByRole("combobox", { name: "Model" }).fill("Kolors");
  await text.getByRole("spinbutton", { name: "Weight" }).fill("90");
  await text.getByRole("textbox", { name: "Aliases" }).fill("my-alias,");
  await page.getByRole("spinbutton", { name: "Time limit of a call" }).fill("45");
  await page.getByRole("spinbutton", { name: "Price of an image by Kolors, in US-dollars" }).fill("0.02");
  assert.ok(await page.getByRole("textbox", { name: "Base URL" }).isDisabled());
  await page.getByText("Fixed by the variable GITEE_BASE_URL.").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved and in force.").waitFor();
  const { text: block, timeout } = gateway.app.settings.current.providers.Gitee!;
  assert.deepEqual([block.modelMap, block.weight, timeout], ["my-alias", 90, 45_000]);
  const reply = await gateway.post("/v1/images/generations", { prompt: "a cat", model: "my-alias" }, CLIENT);
  await reply.body?.cancel();
  assert.equal(reply.headers.get("x-imgrouter-cost-usd"), "0.02");
  assert.equal(gitee.imageCalls.length, 1);
  await assertSound(panel, "a provider");
});

Deno.test("a stale save is told with what changed, and what was typed stays until its owner decides", async () => {
  await using panel = await openChannels("/channel?provider=OpenAI");
  const { page, gateway, admin } = panel;
  const weight = page.getByRole("group", { name: "Text" }).getByRole("spinbutton", { name: "Weight" });
  const size = page.locator("[name='text.size']");
  await size.fill("1536x1024");
  const elsewhere = { text: { weight: 33 }, requestsPerDay: 500 };
  const saved = await admin.send("/api/providers/OpenAI", elsewhere, { method: "PATCH" });
  assert.equal(saved.status, 200, await saved.text());
  await page.getByRole("button", { name: "Save" }).click();
  const dialog = page.getByRole("dialog", { name: "Somebody saved in the meantime" });
  await dialog.getByText("Text · Weight 10 → 33").waitFor();
  await dialog.getByText("Calls a day – → 500").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("alert").getByText("Not saved").waitFor();
  assert.equal(await size.inputValue(), "1536x1024");
  await page.getByRole("button", { name: "Save" }).click();
  await dialog.getByRole("button", { name: "Save mine as well" }).click();
  await page.getByText("Saved and in force.").waitFor();
  const { text, requestsPerDay } = gateway.app.settings.current.providers.OpenAI!;
  assert.deepEqual([text.size, text.weight, requestsPerDay], ["1536x1024", 33, 500]);
  for (let frame = 0; frame < 600 && await weight.inputValue() !== "33"; frame++) {
    await page.evaluate("new Promise(requestAnimationFrame)");
  }
  assert.equal(await weight.inputValue(), "33", "what the other one saved is shown as well");
});

Deno.test("a stale order that nobody else touched is saved all the same", async () => {
  await using panel = await openChannels("/channel");
  const { page, gateway, admin } = panel;
  const statuses: number[] = [];
  page.on("response", (response) => statuses.push(response.status()));
  // The stream never begins: the page does not hear that somebody else was quicker.
  await page.route("**/api/live", () => {});
  await page.reload();
  await listed(page).first().waitFor();
  const changed = await admin.send("/api/runtime-config", { routing: { deadline: 100_000 } });
  assert.equal(changed.status, 200, await changed.text());
  await page.getByRole("spinbutton", { name: "Weight of OpenAI" }).fill("55");
  await page.keyboard.press("Enter");
  await page.getByText("Saved and in force.").waitFor();
  assert.equal(gateway.app.settings.current.providers.OpenAI!.text.weight, 55);
  assert.ok(statuses.includes(412));
});

Deno.test("a test of the connection buys nothing, and a picture is made only after a warning", async () => {
  await using panel = await openChannels("/channel?provider=OpenAI");
  const { page, openai } = panel;
  await page.getByRole("button", { name: "Test connection" }).click();
  await page.getByText(/It answered in \d+ ms/).waitFor();
  assert.equal(openai.imageCalls.length, 0);
  await page.getByRole("button", { name: "Make a test picture" }).click();
  const question = page.getByRole("dialog", { name: "Make a picture with OpenAI?" });
  await question.getByText(/costs about \$0\.05/).waitFor();
  await question.getByRole("button", { name: "Cancel" }).click();
  assert.equal(openai.imageCalls.length, 0);
  await page.getByRole("button", { name: "Make a test picture" }).click();
  await question.getByRole("button", { name: "Make a test picture" }).click();
  const picture = page.getByRole("dialog", { name: "By OpenAI" }).getByRole("img");
  await picture.waitFor();
  await page.evaluate("document.querySelector('.channel-picture').decode()");
  assert.equal(openai.imageCalls.length, 1);
  await assertSound(panel, "a test picture");
});

Deno.test("rules and Spaces are edited where they belong", async () => {
  await using panel = await openChannels("/channel?tab=rules");
  const { page, gateway } = panel;
  await page.getByRole("combobox", { name: "Strategy" }).selectOption("weighted");
  await page.getByRole("combobox", { name: "Unknown models" }).selectOption("error");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved and in force.").waitFor();
  const { strategy, unknownModel } = gateway.app.settings.current.routing;
  assert.deepEqual([strategy, unknownModel], ["weighted", "error"]);

  await page.getByRole("tab", { name: "Spaces" }).click();
  await page.getByRole("button", { name: "Add a Space" }).click();
  await page.getByRole("textbox", { name: "Model" }).fill("me/painter-1.5");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Every line needs a model and an address").waitFor();
  await page.getByRole("textbox", { name: "Address", exact: true }).fill("https://me-painter.hf.space");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Save" }).waitFor({ state: "detached" });
  assert.equal(
    gateway.app.settings.current.hfModelMap["me/painter-1.5"]?.main,
    "https://me-painter.hf.space",
  );
  await page.getByRole("button", { name: "Remove me/painter-1.5" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Save" }).waitFor({ state: "detached" });
  assert.deepEqual(gateway.app.settings.current.hfModelMap, {});
  await assertSound(panel, "spaces");
});

for (const [theme, language, width] of [["dark", "zh-CN", 390], ["light", "en", 1440]] as const) {
  Deno.test(`channels are sound at ${width} px, ${theme}, in ${language}`, async () => {
    await using panel = await openChannels("/channel", { theme, language, width });
    const { page, gateway } = panel;
    await page.getByRole("listitem").filter({ hasText: "Gitee" }).first().waitFor();
    await page.locator(".channel-plan > li").first().waitFor();
    await assertSound(panel, "order");
    for (const path of ["/channel?provider=OpenAI", "/channel?tab=rules", "/channel?tab=spaces"]) {
      await page.goto(`${gateway.url}${path}`);
      await page.locator("form.stack").waitFor();
      await assertSound(panel, path);
    }
  });
}
