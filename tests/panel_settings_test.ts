/** The settings page in a real browser: what can be changed, what can't, and that nothing that was typed is lost. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { ADMIN_PASSWORD, adminOf } from "../src/testing/admin.ts";
import { axe, openBrowser, type PageOptions } from "../src/testing/browser.ts";
import { type GatewayOptions, startGateway } from "../src/testing/gateway.ts";
import { closedPort } from "../src/testing/scripted_service.ts";
import { textService } from "../src/testing/text_service.ts";
import { chineseNameOf, loadChineseNames } from "../web/panel/src/settings/names.ts";

const STORED = "stored-secret-of-the-owner-0123456789";

/** A page of the panel, logged in. */
async function openPanel(
  path: string,
  { gateway: options = {}, ...looks }: { gateway?: GatewayOptions } & Omit<PageOptions, "origin"> = {},
) {
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(await startGateway(options));
  const admin = await adminOf(gateway);
  const browser = stack.use(await openBrowser());
  const { page, complaints } = stack.use(await browser.open({ ...looks, origin: gateway.url }));
  await page.context().addCookies([{ name: "imgrouter_session", value: admin.token, url: gateway.url }]);
  await page.goto(`${gateway.url}${path}`);
  const held = stack.move();
  return {
    gateway,
    admin,
    page,
    complaints,
    save: () => page.getByRole("button", { name: "Save", exact: true }).click(),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** One setting on the page, by its path. */
function setting(page: Page, path: string) {
  return page.locator(`[data-path="${path}"]`);
}

Deno.test("each setting has a name and a description in Chinese", async () => {
  await loadChineseNames();
  await using gateway = await startGateway();
  const nameless = gateway.app.settings.fields.filter(({ path }) => path !== "keyPools").map(({ path }) =>
    path
  )
    .filter((path) => {
      const { title = "", description = "" } = chineseNameOf(path) ?? {};
      return !/\p{Script=Han}/u.test(title) && !/CORS|URI/.test(title) ||
        !/\p{Script=Han}|^Access|^Secret/u.test(description);
    });
  assert.deepEqual(nameless, [], "web/panel/src/settings/names_zh.json lacks them");
});

Deno.test("settings are found, changed and saved, and the ones that need a restart say so", async () => {
  await using panel = await openPanel("/setting");
  const { page, gateway, complaints, save } = panel;
  await page.getByRole("searchbox").fill("api_timeout_ms");
  await setting(page, "system.port").waitFor({ state: "detached" });
  await page.getByLabel("Time limit of a provider call", { exact: true }).fill("90000");
  await page.getByRole("searchbox").fill("");
  await page.getByLabel("Port", { exact: true }).fill("8080");
  await setting(page, "system.cors").getByRole("switch").click();
  await setting(page, "security.allowHosts").waitFor();
  await page.getByText("3 changes are not saved yet.").waitFor();
  await save();
  await page.getByText("3 settings saved; at the next start: Port").waitFor();
  const { system } = gateway.app.settings.current;
  assert.deepEqual([system.apiTimeout, system.port, system.cors], [90_000, 8080, false]);
  await page.getByRole("button", { name: "CORS: back to the default" }).click();
  await save();
  await page.getByText("1 setting saved").waitFor();
  assert.equal(gateway.app.settings.current.system.cors, true);
  assert.deepEqual(gateway.app.settings.file.system, { apiTimeout: 90_000, port: 8080 });
  assert.deepEqual(complaints, []);
});

Deno.test("what the environment fixes can't be changed, and names its variable", async () => {
  await using panel = await openPanel("/setting", { gateway: { env: { LOG_LEVEL: "error" } } });
  const { page } = panel;
  const level = setting(page, "system.logLevel");
  await level.getByText("Fixed by LOG_LEVEL").waitFor();
  assert.equal(await level.getByRole("combobox").isDisabled(), true);
  assert.equal(await level.getByRole("combobox").inputValue(), "error");
});

Deno.test("what the gateway refuses is told at its setting, and nothing else is lost", async () => {
  await using panel = await openPanel("/setting");
  const { page, gateway, complaints, save } = panel;
  await page.getByLabel("Retries", { exact: true }).fill("5");
  await setting(page, "storage.target").getByRole("combobox").selectOption("s3");
  await save();
  const endpoint = setting(page, "storage.s3.endpoint");
  await endpoint.getByText(/^This does not fit\./).waitFor();
  await setting(page, "storage.s3.bucket").getByText(/^This does not fit\./).waitFor();
  await page.locator("[data-path] :focus").waitFor();
  assert.deepEqual(await axe(page), []);
  await page.getByRole("button", { name: "Storage: undo the change" }).click();
  await save();
  await page.getByText("1 setting saved").waitFor();
  assert.equal(gateway.app.settings.current.routing.maxRetries, 5);
  assert.deepEqual(complaints, []);
});

Deno.test("a save that came too late is told, keeps what was typed, and goes through once it was looked at", async () => {
  await using panel = await openPanel("/setting");
  const { page, gateway, save } = panel;
  const retries = page.getByLabel("Retries", { exact: true });
  await retries.waitFor();
  // A stream of changes that never begins: this page hears nothing of the other one.
  await page.route("**/api/live", () => {});
  await page.reload();
  await retries.fill("7");
  await gateway.app.settings.update({ routing: { maxRetries: 9, queueLength: 5 } });
  await save();
  await page.getByRole("alert").getByText("Somebody else saved settings in the meantime.").waitFor();
  await setting(page, "routing.maxRetries").getByText("Meanwhile changed elsewhere to: 9").waitFor();
  assert.equal(await retries.inputValue(), "7");
  assert.equal(await page.getByLabel("Length of the queue", { exact: true }).inputValue(), "5");
  await save();
  await page.getByText("1 setting saved").waitFor();
  assert.deepEqual(gateway.app.settings.file.routing, { maxRetries: 7, queueLength: 5 });
});

Deno.test("a change elsewhere shows at once, and beside what is being typed", async () => {
  await using panel = await openPanel("/setting");
  const { page, gateway, complaints } = panel;
  const retries = page.getByLabel("Retries", { exact: true });
  await retries.fill("7");
  await gateway.app.settings.update({ routing: { maxRetries: 9, queueLength: 5 } });
  await page.getByText("One of them was meanwhile changed elsewhere, too.").waitFor();
  await setting(page, "routing.maxRetries").getByText("Meanwhile changed elsewhere to: 9").waitFor();
  assert.equal(await retries.inputValue(), "7");
  assert.equal(await page.getByLabel("Length of the queue", { exact: true }).inputValue(), "5");
  assert.deepEqual(await axe(page), []);
  assert.deepEqual(complaints, []);
});

Deno.test("what was typed is still there after a look at another page", async () => {
  await using panel = await openPanel("/setting");
  const { page } = panel;
  await page.getByLabel("Retries", { exact: true }).fill("4");
  await page.getByRole("link", { name: "Update", exact: true }).click();
  await page.getByRole("heading", { level: 1, name: "Update" }).waitFor();
  await page.getByRole("link", { name: "Settings", exact: true }).click();
  assert.equal(await page.getByLabel("Retries", { exact: true }).inputValue(), "4");
});

Deno.test("secrets are masked, replaced and removed; of keys that look alike one goes alone", async () => {
  const file = { system: { globalAccessKey: STORED, clientKeys: ["short-one", "short-two"] } };
  await using panel = await openPanel("/setting", { gateway: { file } });
  const { page, gateway, save } = panel;
  const secret = setting(page, "system.globalAccessKey");
  assert.equal(await secret.getByRole("textbox").inputValue(), "stor…6789");
  await secret.getByRole("button", { name: "Replace" }).click();
  await page.getByLabel("Global access key", { exact: true }).fill("another-secret-0123456789");
  await setting(page, "system.clientKeys").getByRole("button", { name: "Remove ********" }).nth(1).click();
  await save();
  await page.getByText("2 settings saved").waitFor();
  const { globalAccessKey, clientKeys } = gateway.app.settings.current.system;
  assert.deepEqual([globalAccessKey, clientKeys], ["another-secret-0123456789", ["short-one"]]);
  await secret.getByRole("button", { name: "Remove" }).click();
  await save();
  await page.getByText("1 setting saved").waitFor();
  assert.equal(gateway.app.settings.current.system.globalAccessKey, "");
  assert.ok(!(await page.content()).includes("another-secret"));
});

Deno.test("members of an object are replaced as a whole, and text that is no JSON is told", async () => {
  const file = { hfModelMap: { old: { main: "https://old.example" } } };
  await using panel = await openPanel("/setting", { gateway: { file } });
  const { page, gateway, save } = panel;
  const spaces = page.getByLabel("Spaces by model", { exact: true });
  await spaces.fill("{ no json");
  await save();
  await page.getByText("This is not a JSON object").waitFor();
  await spaces.fill('{"new": {"main": "https://new.example"}}');
  await save();
  await page.getByText("1 setting saved").waitFor();
  assert.deepEqual(gateway.app.settings.file.hfModelMap, { new: { main: "https://new.example" } });
});

Deno.test("a bucket is tried with what was typed, before it is saved", async () => {
  await using panel = await openPanel("/setting");
  const { page, complaints } = panel;
  const test = page.getByRole("button", { name: "Test the bucket" });
  await test.click();
  await page.getByText("No bucket is set up: endpoint, bucket, accessKey, secretKey missing").waitFor();
  await page.getByLabel("S3 endpoint", { exact: true }).fill(closedPort());
  await page.getByLabel("Bucket", { exact: true }).fill("pictures");
  await test.click();
  await page.getByText("No bucket is set up: accessKey, secretKey missing").waitFor();
  assert.deepEqual(complaints, []);
});

Deno.test("settings go out to a file, with secrets only by the password, and come back after a look at what changes", async () => {
  const file = { system: { globalAccessKey: STORED }, routing: { maxRetries: 2 } };
  await using panel = await openPanel("/setting?tab=transfer", {
    gateway: { file, env: { LOG_LEVEL: "error" } },
  });
  const { page, gateway, complaints } = panel;
  const downloaded = async (click: () => Promise<void>) => {
    const [download] = await Promise.all([page.waitForEvent("download"), click()]);
    return JSON.parse(await Deno.readTextFile(await download.path()));
  };
  const bare = await downloaded(() => page.getByRole("link", { name: "Without secrets" }).click());
  assert.deepEqual(bare, { system: {}, routing: { maxRetries: 2 } });
  await page.getByRole("button", { name: "With secrets" }).click();
  await page.getByLabel("Password", { exact: true }).fill("not the password");
  await page.keyboard.press("Enter");
  await page.getByText("The password is wrong").waitFor();
  await page.getByLabel("Password", { exact: true }).fill(ADMIN_PASSWORD);
  const whole = await downloaded(() => page.keyboard.press("Enter"));
  assert.deepEqual(whole, file);
  const given = { routing: { maxRetries: 6 }, system: { logLevel: "debug" } };
  await page.getByLabel("Or paste it here", { exact: true }).fill(JSON.stringify(given));
  await page.getByRole("button", { name: "See what would change" }).click();
  await page.getByText("1 setting would change:").waitFor();
  await page.getByText("system.logLevel (LOG_LEVEL)").waitFor();
  assert.equal(gateway.app.settings.current.routing.maxRetries, 2, "looking changes nothing");
  await page.getByRole("button", { name: "Take over" }).click();
  await page.getByText("1 setting taken over").waitFor();
  assert.equal(gateway.app.settings.current.routing.maxRetries, 6);
  assert.deepEqual(complaints, []);
});

Deno.test("a token is shown once, works, and is refused after it was revoked; the trail tells both", async () => {
  await using panel = await openPanel("/setting?tab=account");
  const { page, gateway, complaints } = panel;
  await page.getByRole("button", { name: "Make a token" }).click();
  await page.getByLabel("Name", { exact: true }).fill("backup script");
  await page.getByRole("dialog").getByRole("button", { name: "Make a token" }).click();
  const token = await page.getByRole("dialog").locator("code").innerText();
  const call = async () => {
    const reply = await fetch(`${gateway.url}/api/info`, { headers: { authorization: `Bearer ${token}` } });
    await reply.body?.cancel();
    return reply.status;
  };
  assert.equal(await call(), 200);
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("cell", { name: "backup script", exact: true }).waitFor();
  assert.ok(!(await page.content()).includes(token));
  await page.getByRole("button", { name: "Revoke backup script" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("backup script was revoked").waitFor();
  assert.equal(await call(), 401);
  await page.getByRole("tab", { name: "Audit trail" }).click();
  await page.getByText("API token revoked").waitFor();
  await page.getByText("API token made").waitFor();
  assert.deepEqual(complaints, []);
});

Deno.test("the password is changed by who knows the old one", async () => {
  await using panel = await openPanel("/setting?tab=account");
  const { page, gateway, complaints } = panel;
  const fill = async (old: string) => {
    await page.getByLabel("Present password", { exact: true }).fill(old);
    await page.getByLabel("New password", { exact: true }).fill("a new and quiet horse");
    await page.getByLabel("The same again", { exact: true }).fill("a new and quiet horse");
    await page.keyboard.press("Enter");
  };
  await fill("not the password");
  await page.getByText("The old password is wrong").waitFor();
  await fill(ADMIN_PASSWORD);
  await page.getByText("Password changed; all other sessions have ended").waitFor();
  assert.equal(await gateway.app.sessions.isPassword("a new and quiet horse"), true);
  assert.deepEqual(complaints, []);
});

Deno.test("the prompt optimizer is tried with what was typed, and saved", async () => {
  await using text = textService();
  await using panel = await openPanel("/prompt-optimizer");
  const { page, gateway, complaints, save } = panel;
  await page.getByLabel("Address of the text model", { exact: true }).fill(text.url);
  await page.getByLabel("Key of the text model", { exact: true }).fill(text.key);
  await page.getByRole("button", { name: "Fetch its models" }).click();
  await page.getByText("2 models found; they are offered in the field.").waitFor();
  assert.deepEqual(
    await page.evaluate<string[]>(
      "[...document.querySelectorAll('datalist option')].map(({ value }) => value)",
    ),
    [text.model, "scripted-other"],
  );
  await page.getByLabel("Text model", { exact: true }).fill(text.model);
  await page.getByRole("button", { name: "Test the connection" }).click();
  await page.getByText(/^scripted-text answered in/).waitFor();
  await page.getByRole("switch", { name: "Expand prompts" }).click();
  await page.getByLabel("Prompt", { exact: true }).fill("一只猫");
  await page.getByRole("button", { name: "Rewrite" }).click();
  await page.getByText("In English: 一只猫, in golden light").waitFor();
  assert.equal(gateway.app.settings.current.promptOptimizer.baseUrl, undefined, "trying saves nothing");
  await save();
  await page.getByText("4 settings saved").waitFor();
  const { baseUrl, apiKey, model, enableExpand } = gateway.app.settings.current.promptOptimizer;
  assert.deepEqual([baseUrl, apiKey, model, enableExpand], [text.url, text.key, text.model, true]);
  assert.ok(!(await page.content()).includes(text.key));
  assert.deepEqual(complaints, []);
});
