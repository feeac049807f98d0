/** The page of clients in a real browser: a key is made, shown once, limited, looked after and taken away. */
import assert from "node:assert/strict";
import { assertSound, openPanelPage } from "./panel_page.ts";

const picture = { model: "mock-painter", prompt: "a cat", size: "64x64" };

Deno.test("a key is made, shown once, works within its limits, and its use is seen", async () => {
  await using panel = await openPanelPage("/clients");
  const { page, gateway } = panel;
  await page.getByRole("heading", { name: "No clients yet" }).waitFor();
  await page.getByText("backend mode").waitFor();
  await assertSound(panel, "nobody");
  await page.getByRole("button", { name: "Make a key" }).first().click();
  const form = page.getByRole("dialog", { name: "Make a key" });
  await form.getByRole("button", { name: "Make a key" }).click();
  await form.getByText("A client needs a name").waitFor();
  await form.getByRole("textbox", { name: "Name" }).fill("Website");
  await form.getByRole("spinbutton", { name: "Images a day" }).fill("2");
  await form.getByLabel("Providers", { exact: true }).fill("Mock,");
  await assertSound(panel, "a new client");
  await form.getByRole("button", { name: "Make a key" }).click();

  const made = page.getByRole("dialog", { name: "The key of Website" });
  const key = await made.locator(".clients-key code").innerText();
  assert.match(key, /^ir-/);
  assert.ok((await made.locator("pre").innerText()).includes(`${gateway.url}/v1/images/generations`));
  await made.getByRole("button", { name: "Done" }).click();
  // Nobody should lose a key by haste.
  await page.getByRole("dialog", { name: "Close without having copied the key?" })
    .getByRole("button", { name: "Cancel" }).click();
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await made.getByRole("button", { name: "Copy the key" }).click();
  await made.getByText("Copied").first().waitFor();
  assert.equal(await page.evaluate<string>("navigator.clipboard.readText()"), key);
  await made.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Website" }).waitFor();
  assert.ok(!(await page.content()).includes(key), "the key is gone from the page");

  const asked = async (body = {}) => {
    const reply = await gateway.post("/v1/images/generations", { ...picture, ...body }, key);
    await reply.body?.cancel();
    return reply.status;
  };
  assert.deepEqual([await asked(), await asked(), await asked()], [200, 200, 429]);
  await page.reload();
  await page.getByText("2 / 2 images").waitFor();
  await page.getByRole("button", { name: "Website" }).click();
  const client = page.getByRole("dialog", { name: "Website" });
  await client.getByRole("figure", { name: "Images by day" }).waitFor();
  await client.getByText("Show as a table").click();
  assert.equal(await client.getByRole("row").last().getByRole("cell").last().innerText(), "2");
  await assertSound(panel, "a client");
});

Deno.test("limits are changed, and a client that is disabled or deleted is not served", async () => {
  let key = "";
  await using panel = await openPanelPage("/clients", {
    prepare: async ({ app }) => {
      key = (await app.stores.clients.create({ name: "Bot", imagesPerDay: 1 })).key;
      await app.reload();
    },
  });
  const { page, gateway } = panel;
  const status = async () => {
    const reply = await gateway.post("/v1/images/generations", picture, key);
    await reply.body?.cancel();
    return reply.status;
  };
  await page.getByRole("button", { name: "Bot" }).click();
  await page.getByRole("tab", { name: "Limits" }).click();
  await page.getByRole("spinbutton", { name: "Images a day" }).fill("");
  await page.getByRole("spinbutton", { name: "Dollars a month" }).fill("12.5");
  await page.getByLabel("Valid until").fill("2020-01-01T10:00");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("This time has passed").waitFor();
  await page.getByLabel("Valid until").fill("2099-01-01T10:00");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved and in force.").waitFor();
  const [client] = await gateway.app.stores.clients.list();
  assert.deepEqual([client!.imagesPerDay, client!.usdPerMonth], [undefined, 12.5]);
  assert.equal(new Date(client!.expiresAt!).getFullYear(), 2099);
  assert.deepEqual([await status(), await status()], [200, 200]);

  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByText("Bot may not call any more.").waitFor();
  assert.equal(await status(), 401);
  await page.getByRole("button", { name: "Enable" }).click();
  await page.getByText("Bot may call again.").waitFor();
  assert.equal(await status(), 200);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog", { name: "Delete Bot?" }).getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "No clients yet" }).waitFor();
  assert.notEqual(await status(), 200);
  await assertSound(panel, "gone");
});

for (const [theme, language, width] of [["dark", "zh-CN", 390], ["light", "en", 1440]] as const) {
  Deno.test(`clients are sound at ${width} px, ${theme}, in ${language}`, async () => {
    await using panel = await openPanelPage("/clients", {
      theme,
      language,
      width,
      prepare: async ({ app }) => {
        await app.stores.clients.create({ name: "Website", usdPerMonth: 20, models: ["a", "b"] });
        await app.stores.clients.create({ name: "手机应用与朋友们的共享相册小程序", expiresAt: 1 });
        await app.reload();
      },
    });
    const { page } = panel;
    await page.getByRole("button", { name: "Website" }).click();
    await page.getByRole("dialog").getByRole("figure").waitFor();
    await assertSound(panel, "use");
    await page.getByRole("tab").nth(1).click();
    await page.getByRole("dialog").getByRole("textbox").first().fill("Web");
    await assertSound(panel, "limits");
    await page.getByRole("tab").nth(2).click();
    await assertSound(panel, "example");
  });
}
