/** The page of keys in a real browser: taken in by shape, checked, rested, revived, removed, and ten thousand without lag. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Page } from "playwright-core";
import { ADMIN_PASSWORD, type TestAdmin } from "../src/testing/admin.ts";
import { newApiService } from "../src/testing/new_api_service.ts";
import { openAiService } from "../src/testing/openai_service.ts";
import { closedPort } from "../src/testing/scripted_service.ts";
import { assertSound, openPanelPage, type PanelPageOptions } from "./panel_page.ts";

const HF = "hf_" + "q1W2".repeat(9);
const GIVEN = "sk-given-" + "e5F6".repeat(8);
const UNKNOWN = "a-word-that-nobody-knows-7788";

/** The page, with an OpenAI that can be asked about keys. */
async function openKeys(options: PanelPageOptions = {}, path = "/keys") {
  await using stack = new AsyncDisposableStack();
  const openai = stack.use(openAiService());
  const env = { OPENAI_BASE_URL: openai.url, GITEE_BASE_URL: closedPort(), ...options.gateway?.env };
  const panel = stack.use(await openPanelPage(path, { ...options, gateway: { ...options.gateway, env } }));
  const held = stack.move();
  return { ...panel, openai, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** The line of a key in the table. */
const rowOf = (page: Page, name: string) =>
  page.locator(".keys-table").getByRole("row").filter({ hasText: name });

/** The states of keys that can be changed, by name: why, where one can't be used. */
async function states(admin: TestAdmin): Promise<Record<string, string>> {
  const reply = await admin.fetch("/api/keys?limit=200");
  const { data }: { data: { name: string; state: string; reason?: string; fixed: boolean }[] } = await reply
    .json();
  return Object.fromEntries(
    data.filter(({ fixed }) => !fixed).map(({ name, state, reason }) => [
      name,
      reason?.split(":")[0] ?? state,
    ]),
  );
}

/** Takes in keys, as a script would. */
async function takeIn(admin: TestAdmin, text: string): Promise<void> {
  const reply = await admin.send("/api/keys/import", { text });
  assert.equal(reply.status, 200, await reply.text());
}

/** Ticks keys by their names. */
async function tick(page: Page, ...names: string[]): Promise<void> {
  for (const name of names) await rowOf(page, name).getByRole("checkbox").click();
}

Deno.test("a mixed list is sorted by shape in a preview, strangers are given a provider, and all are taken in", async () => {
  await using panel = await openKeys();
  const { page, gateway, openai } = panel;
  await page.getByRole("heading", { name: "No keys yet" }).waitFor();
  await assertSound(panel, "no keys");
  await page.getByRole("button", { name: "Add keys" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Add keys" });
  const key = openai.newKey();
  await dialog.getByRole("textbox", { name: "Keys, as they are" })
    .fill([key, `studio,${HF}`, key, UNKNOWN].join("\n"));
  await dialog.getByText("OpenAI: 1 new, 1 already there").waitFor();
  await dialog.getByText("HuggingFace: 1 new").waitFor();
  await dialog.getByText("1 unknown").waitFor();
  assert.equal((await gateway.app.stores.keys.list()).length, 0, "a preview stores nothing");
  await assertSound(panel, "the preview");
  await dialog.getByRole("combobox", { name: "Provider of line 4" }).selectOption("Midjourney");
  await dialog.getByText("Midjourney: 1 new").waitFor();
  await dialog.getByText("off until it has an address").waitFor();
  await dialog.getByRole("button", { name: "Add 3 keys" }).click();
  await page.getByText("3 keys added.").waitFor();
  await rowOf(page, "studio").waitFor();
  const stored = await gateway.app.stores.keys.list();
  assert.deepEqual(
    stored.map(({ provider, name, enabled }) => [provider, name, enabled]).sort(),
    [["HuggingFace", "studio", true], ["Midjourney", "Midjourney 1", false], ["OpenAI", "OpenAI 1", true]],
  );
  const shown = await page.content();
  for (const secret of [key, HF, UNKNOWN]) assert.ok(!shown.includes(secret));
});

Deno.test("a dropped table of keys is read like a pasted one", async () => {
  await using panel = await openKeys();
  const { page, gateway } = panel;
  await page.getByRole("button", { name: "Add keys" }).first().click();
  const lines = Array.from(
    { length: 3000 },
    (_, index) => `Key ${index},r8_${String(index).padStart(37, "x")}`,
  );
  await page.getByLabel("A file of keys").locator("input").setInputFiles({
    name: "keys.csv",
    mimeType: "text/csv",
    buffer: Buffer.from(["name,key", ...lines].join("\n")),
  });
  await page.getByRole("button", { name: "Add 3,000 keys" }).click();
  await page.getByText("3,000 keys added.").waitFor();
  assert.equal((await gateway.app.stores.keys.list("Replicate")).length, 3000);
});

Deno.test("keys are checked with progress, and what is wrong with one is seen and can be mended", async () => {
  await using panel = await openKeys();
  const { page, openai, admin } = panel;
  const [good, bad] = [openai.newKey(), openai.newKey()];
  openai.reject(bad);
  await takeIn(admin, `good one,${good}\nbad one,${bad}\nface,${HF.replace("q", "z")}`);
  await page.reload();
  await page.getByRole("button", { name: /^OpenAI 2/ }).click();
  await page.getByRole("button", { name: "Check these" }).click();
  await page.getByRole("heading", { name: "2 keys checked" }).waitFor();
  await page.getByText("1 good").waitFor();
  await page.getByText("1 failed").waitFor();
  await rowOf(page, "bad one").getByText("rejected", { exact: true }).waitFor();
  await rowOf(page, "bad one").getByText("back in").waitFor();
  await assertSound(panel, "checked");
  assert.deepEqual(await states(admin), { "good one": "ready", "bad one": "key_rejected", face: "ready" });

  await page.getByRole("button", { name: "bad one" }).click();
  const dialog = page.getByRole("dialog", { name: "bad one" });
  await dialog.getByText("Rejected: ").waitFor();
  await assertSound(panel, "one key");
  await dialog.getByLabel("Another key in its place").fill(openai.newKey());
  await dialog.getByRole("textbox", { name: "Name" }).fill("new one");
  await dialog.getByRole("button", { name: "Save" }).click();
  await rowOf(page, "new one").getByText("ready", { exact: true }).waitFor();
  assert.deepEqual(await states(admin), { "good one": "ready", "new one": "ready", face: "ready" });
});

Deno.test("a check that is stopped keeps what it found, and asks no further", async () => {
  await using panel = await openKeys();
  const { page, openai, admin } = panel;
  openai.fail("hang", 60, "models");
  const text = Array.from({ length: 30 }, () => openai.newKey()).join("\n");
  await takeIn(admin, text);
  await page.reload();
  await page.getByRole("button", { name: "Check all" }).click();
  await page.getByRole("heading", { name: "Checking: 0 of 30" }).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByRole("heading", { name: "Stopped after 0 of 30" }).waitFor();
  await page.getByRole("button", { name: "Close the result" }).click();
  await page.getByRole("button", { name: "Check all" }).waitFor();
});

Deno.test("many keys are put to rest, revived, disabled, enabled and deleted, and those of the environment stay", async () => {
  await using panel = await openKeys({ gateway: { env: { OPENAI_API_KEYS: GIVEN } } });
  const { page, openai, admin } = panel;
  const text = ["one", "two", "three"].map((name) => `${name},${openai.newKey()}`).join("\n");
  await takeIn(admin, text);
  await page.reload();
  await rowOf(page, "OPENAI_API_KEYS").getByText("environment").waitFor();
  await tick(page, "one", "two");
  await page.getByText("2 selected").waitFor();
  await page.getByRole("button", { name: "Rest", exact: true }).click();
  await page.getByRole("menuitem", { name: "Rest for 24 hr" }).click();
  await page.getByText("2 keys changed.").waitFor();
  await rowOf(page, "one").getByText("Put to rest by hand").waitFor();
  assert.deepEqual(await states(admin), {
    one: "put to rest by hand",
    two: "put to rest by hand",
    three: "ready",
  });

  await page.getByRole("combobox", { name: "State" }).selectOption("resting");
  await rowOf(page, "three").waitFor({ state: "detached" });
  await page.getByRole("checkbox", { name: "Select all" }).click();
  await page.getByRole("button", { name: "Revive" }).click();
  await page.getByRole("heading", { name: "No key found" }).waitFor();
  assert.deepEqual(await states(admin), { one: "ready", two: "ready", three: "ready" });

  await page.getByRole("combobox", { name: "State" }).selectOption("");
  await rowOf(page, "one").waitFor();
  await page.getByRole("checkbox", { name: "Select all" }).click();
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByText("3 keys changed. 1 key of the environment stays as it is.").waitFor();
  assert.deepEqual(await states(admin), {
    one: "It was switched off",
    two: "It was switched off",
    three: "It was switched off",
  });
  await tick(page, "three");
  await page.getByRole("button", { name: "Enable" }).click();
  await rowOf(page, "three").getByText("ready", { exact: true }).waitFor();

  await tick(page, "one", "two", "OPENAI_API_KEYS");
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog", { name: "Delete 2 keys?" }).getByRole("button", { name: "Delete" }).click();
  await rowOf(page, "two").waitFor({ state: "detached" });
  assert.deepEqual(await states(admin), { three: "ready" });
  await page.getByRole("button", { name: "OPENAI_API_KEYS" }).click();
  await page.getByText("This key comes from the variable OPENAI_API_KEYS.").waitFor();
  assert.equal(await page.getByRole("dialog").getByRole("button", { name: "Delete" }).count(), 0);
});

Deno.test("an export is masked, and whole only for the right password", async () => {
  await using panel = await openKeys();
  const { page, openai, admin } = panel;
  const key = openai.newKey();
  await takeIn(admin, `mine,${key}`);
  await page.reload();
  const exported = async () => {
    const [file] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("dialog", { name: "Export" }).getByRole("button", { name: "Export" }).click(),
    ]);
    return await Deno.readTextFile(await file.path());
  };
  const open = () => page.getByRole("button", { name: "Export" }).click();
  await open();
  await assertSound(panel, "export");
  const masked = await exported();
  assert.ok(masked.includes("mine") && !masked.includes(key));
  await open();
  await page.getByRole("switch", { name: "With the whole keys" }).click();
  await page.getByLabel("Your password").fill("not my password");
  await page.getByRole("dialog").getByRole("button", { name: "Export" }).click();
  await page.getByText("The password is wrong").waitFor();
  await page.getByLabel("Your password").fill(ADMIN_PASSWORD);
  assert.ok((await exported()).includes(key));
});

Deno.test("a relay's key has an address, and models that its service tells", async () => {
  await using relay = newApiService();
  await using panel = await openKeys();
  const { page, gateway, admin } = panel;
  await takeIn(admin, `relay,NewApi:${relay.newKey()}`);
  await page.goto(`${gateway.url}/keys?provider=NewApi`);
  await page.getByRole("button", { name: "relay" }).click();
  const dialog = page.getByRole("dialog", { name: "relay" });
  await dialog.getByRole("switch", { name: "Enabled" }).click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByText("has no address of its own").waitFor();
  await dialog.getByRole("textbox", { name: "Base URL" }).fill(relay.url);
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.waitFor({ state: "detached" });
  await rowOf(page, "relay").getByText("ready", { exact: true }).waitFor();
  await page.getByRole("button", { name: "relay" }).click();
  await dialog.getByRole("button", { name: "Ask the service for its models" }).click();
  await dialog.getByRole("list", { name: "Models" }).getByRole("listitem").first().waitFor();
  // The gateway asks by itself as well; where it was quicker there is nothing left to save.
  const save = dialog.getByRole("button", { name: "Save" });
  await (await save.isEnabled() ? save.click() : page.keyboard.press("Escape"));
  await dialog.waitFor({ state: "detached" });
  const [stored] = await gateway.app.stores.keys.list("NewApi");
  assert.equal(stored!.baseUrl, relay.url);
  const { data: [shown] } = await (await admin.fetch("/api/keys?provider=NewApi")).json();
  assert.ok(shown.models.length > 0);
});

Deno.test("ten thousand keys are scrolled without lag, and done with all at once", async () => {
  await using panel = await openKeys({
    prepare: async ({ app }) => {
      const keys = Array.from({ length: 10_000 }, (_, index) => ({
        provider: "Replicate",
        key: `r8_${String(index).padStart(37, "a")}`,
        name: `Key ${index}`,
      }));
      await app.stores.keys.add(keys);
      await app.reload();
    },
  });
  const { page, gateway } = panel;
  await rowOf(page, "Key ").first().waitFor();
  await page.getByText("10,000 found").waitFor();
  // As fast as the pages come.
  const { rows, end } = await page.evaluate<{ rows: number; end: number }>(
    `(async () => {
    const box = document.querySelector(".vtable");
    let still = 0;
    for (let frame = 0; frame < 3000 && still < 60; frame++) {
      const before = box.scrollTop;
      box.scrollTop += 2500;
      await new Promise(requestAnimationFrame);
      still = box.scrollTop === before ? still + 1 : 0;
    }
    const drawn = [...box.querySelectorAll(".vrow")];
    return { rows: drawn.length, end: Number(drawn.at(-1).getAttribute("aria-rowindex")) };
  })()`,
  );
  assert.ok(rows < 60, `only a window is drawn, and not ${rows} rows`);
  assert.equal(end, 10_001, "the listing goes on to its end, below its head");

  await page.getByRole("checkbox", { name: "Select all" }).click();
  await page.getByRole("searchbox").waitFor({ state: "detached" });
  await page.getByText("10,000 selected").waitFor();
  await page.getByRole("button", { name: "Select none" }).click();
  await page.getByRole("searchbox").fill("Key 999");
  await rowOf(page, "Key 9999").waitFor();
  await page.getByText("11 found").waitFor();
  await page.getByRole("searchbox").fill("");
  await page.getByText("10,000 found").waitFor();
  await rowOf(page, "Key ").first().getByRole("checkbox").click();
  await page.getByRole("button", { name: "Select all that were found" }).click();
  await page.getByText("10,000 selected").waitFor();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog", { name: "Delete 10,000 keys?" }).getByRole("button", { name: "Delete" })
    .click();
  await page.getByRole("heading", { name: "No keys yet" }).waitFor();
  assert.deepEqual(await gateway.app.stores.keys.list(), []);
});

for (const [theme, language, width] of [["dark", "zh-CN", 390], ["light", "en", 1440]] as const) {
  Deno.test(`keys are sound at ${width} px, ${theme}, in ${language}`, async () => {
    await using panel = await openKeys({
      theme,
      language,
      width,
      gateway: { env: { OPENAI_API_KEYS: GIVEN } },
      prepare: async ({ app }) => {
        await app.stores.keys.add([{ provider: "HuggingFace", key: HF, name: "studio" }]);
        await app.reload();
      },
    });
    const { page } = panel;
    await rowOf(page, "studio").waitFor();
    await assertSound(panel, "listing");
    await rowOf(page, "studio").getByRole("checkbox").click();
    await assertSound(panel, "selected");
    await page.getByRole("button", { name: "studio" }).click();
    await page.getByRole("dialog").getByRole("textbox").first().waitFor();
    await assertSound(panel, "one key");
  });
}
