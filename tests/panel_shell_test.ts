/** The frame of the panel in a real browser: who gets in, how it looks and speaks, and what it weighs. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { PANEL_PAGES } from "../src/http/panel.ts";
import { ADMIN_PASSWORD, adminOf } from "../src/testing/admin.ts";
import { axe, openBrowser, type PageOptions } from "../src/testing/browser.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";

const DIST = new URL("../web/panel/dist/", import.meta.url);

/** A gateway with an admin, and a page of the panel that is not logged in yet. */
async function openPanel(path: string, options: Omit<PageOptions, "origin"> = {}) {
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(await startGateway());
  await adminOf(gateway);
  const browser = stack.use(await openBrowser());
  const { page, complaints } = stack.use(await browser.open({ ...options, origin: gateway.url }));
  await page.goto(`${gateway.url}${path}`);
  const held = stack.move();
  return {
    gateway,
    browser,
    page,
    complaints,
    logIn: async (password = ADMIN_PASSWORD) => {
      await page.getByRole("textbox", { name: /^(Password|密码)$/ }).fill(password);
      await page.keyboard.press("Enter");
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function assertAccessible(page: Page, where: string): Promise<void> {
  assert.deepEqual(await axe(page), [], where);
}

/** The id of what has the focus. */
function focused(page: Page): Promise<string | undefined> {
  return page.evaluate<string | undefined>("document.activeElement?.id");
}

function setupLink({ url, app }: TestGateway): string {
  return `${url}/admin?setup=${app.sessions.setupToken}`;
}

Deno.test("the printed link leads a new owner by a password to the dashboard, once", async () => {
  await using gateway = await startGateway();
  await using browser = await openBrowser();
  await using watched = await browser.open({ origin: gateway.url });
  const { page, complaints } = watched;
  const link = setupLink(gateway);
  await page.goto(link);
  const first = page.getByLabel("New password");
  await first.fill("too short");
  await page.getByRole("button", { name: "Set password and begin" }).click();
  await page.getByText("At least 12 characters").waitFor();
  await page.getByText("The two are not the same").waitFor();
  await assertAccessible(page, "set-up with errors");
  await first.fill("a quiet long horse");
  await page.getByLabel("The same again").fill("a quiet long horse");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Dashboard" }).waitFor();
  assert.equal(new URL(page.url()).search, "", "the token is not in the address any more");

  await using later = await browser.open({ origin: gateway.url });
  await later.page.goto(link);
  await later.page.getByLabel("New password").fill("another long horse");
  await later.page.getByLabel("The same again").fill("another long horse");
  await later.page.keyboard.press("Enter");
  await later.page.getByRole("alert").waitFor();
  assert.deepEqual([...complaints, ...later.complaints], []);
});

Deno.test("a wrong password is told, the right one leads to the page that was wanted, and logging out ends it", async () => {
  await using panel = await openPanel("/update");
  const { page, complaints, logIn } = panel;
  await logIn("not the password");
  await page.getByText("This password is not right.").waitFor();
  await assertAccessible(page, "login with an error");
  await logIn();
  await page.getByRole("heading", { level: 1, name: "Update" }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/update");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  assert.deepEqual(complaints, []);
});

Deno.test("a session that ended elsewhere shows the login, which leads back", async () => {
  await using panel = await openPanel("/update");
  const { page, gateway, logIn } = panel;
  await logIn();
  await page.getByRole("heading", { level: 1, name: "Update" }).waitFor();
  const [cookie] = await page.context().cookies();
  await (await fetch(`${gateway.url}/api/auth/logout`, {
    method: "POST",
    headers: { authorization: `Bearer ${cookie!.value}` },
  })).body?.cancel();
  await page.getByRole("button", { name: "Check now" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await logIn();
  await page.getByRole("heading", { level: 1, name: "Update" }).waitFor();
});

Deno.test("theme and language follow the system, can be chosen, and are remembered", async () => {
  await using panel = await openPanel("/update", { theme: "dark", language: "zh-CN" });
  const { page, complaints, logIn } = panel;
  const ground = () => page.evaluate<string>("getComputedStyle(document.documentElement).backgroundColor");
  const language = () => page.locator("html").getAttribute("lang");
  await logIn();
  await page.getByRole("heading", { level: 1, name: "更新" }).waitFor();
  assert.equal(await language(), "zh-CN");
  const dark = await ground();
  await page.getByRole("button", { name: "主题" }).click();
  await page.getByRole("menuitemradio", { name: "浅色" }).click();
  const light = await ground();
  assert.notEqual(light, dark);
  await page.getByRole("button", { name: "语言" }).click();
  await page.getByRole("menuitemradio", { name: "English" }).click();
  await page.getByRole("heading", { level: 1, name: "Update" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { level: 1, name: "Update" }).waitFor();
  assert.deepEqual([await ground(), await language()], [light, "en"]);
  assert.deepEqual(complaints, []);
});

Deno.test("every page is reached by keyboard, and the focus goes along", async () => {
  await using panel = await openPanel("/update");
  const { page, complaints, logIn } = panel;
  await logIn();
  await page.getByRole("heading", { level: 1, name: "Update" }).waitFor();
  const paths = new Set<string>();
  const links = page.getByRole("navigation", { name: "Navigation" }).getByRole("link");
  for (let index = 0; index < await links.count(); index++) {
    const name = await links.nth(index).innerText();
    await links.nth(index).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
    paths.add(new URL(page.url()).pathname);
    assert.equal(await focused(page), "content", name);
    assert.equal(await links.nth(index).getAttribute("aria-current"), "page");
  }
  assert.deepEqual(paths, new Set(PANEL_PAGES));
  await page.reload();
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "content", "the skip link comes first");
  assert.deepEqual(complaints, []);
});

for (const width of [390, 1440]) {
  for (const [theme, language] of [["light", "en"], ["dark", "zh-CN"]] as const) {
    Deno.test(`the frame is accessible and fits at ${width} px, ${theme}, in ${language}`, async () => {
      await using panel = await openPanel("/update", { width, theme, language });
      const { page, complaints, logIn } = panel;
      await page.getByRole("textbox").waitFor();
      await assertAccessible(page, "login");
      await logIn();
      await page.getByRole("navigation").first().waitFor();
      await page.locator(".state, .facts").first().waitFor();
      await assertAccessible(page, "update");
      if (width === 390) {
        await page.getByRole("button", { name: /^(Menu|菜单)$/ }).click();
        await page.getByRole("dialog").waitFor();
        await assertAccessible(page, "menu");
        await page.getByRole("dialog").getByRole("link", { name: /^(Keys|密钥池)$/ }).click();
        await page.getByRole("dialog").waitFor({ state: "detached" });
        assert.equal(new URL(page.url()).pathname, "/keys");
      }
      const isWider = await page.evaluate<boolean>("document.documentElement.scrollWidth > innerWidth");
      assert.equal(isWider, false, "nothing has to be scrolled sideways");
      assert.deepEqual(complaints, []);
    });
  }
}

Deno.test("a lost connection shows itself, and heals without a reload", async () => {
  await using panel = await openPanel("/update");
  const { page, logIn } = panel;
  await logIn();
  await page.getByRole("heading", { level: 1, name: "Update" }).waitFor();
  await page.context().setOffline(true);
  await page.getByRole("button", { name: "Check now" }).click();
  await page.getByText("Connection lost. Trying again…").waitFor();
  await page.context().setOffline(false);
  await page.getByText("Connection lost. Trying again…").waitFor({ state: "detached" });
});

Deno.test("an address that is no page says so", async () => {
  await using panel = await openPanel("/admin");
  const { page, gateway, logIn } = panel;
  await logIn();
  await page.getByRole("heading", { level: 1, name: "Dashboard" }).waitFor();
  const answer = await page.goto(`${gateway.url}/nothing-here`);
  assert.equal(answer?.status(), 404);
  await page.getByRole("heading", { level: 1, name: "There is no such page" }).waitFor();
  await page.getByRole("link", { name: "To the dashboard" }).click();
  await page.getByRole("heading", { level: 1, name: "Dashboard" }).waitFor();
});

Deno.test("the first page is at most 60 kB of JavaScript as sent, all pages 150 kB", async () => {
  const size = async (name: string) => (await Deno.stat(new URL(`assets/${name}.br`, DIST))).size;
  const all: string[] = [];
  for await (const { name } of Deno.readDir(new URL("assets/", DIST))) {
    if (name.endsWith(".js")) all.push(name);
  }
  const html = await Deno.readTextFile(new URL("index.html", DIST));
  const total = (await Promise.all(all.map(size))).reduce((sum, bytes) => sum + bytes, 0);
  assert.ok(all.length > PANEL_PAGES.length, "each page is a chunk of its own");
  assert.ok(total <= 150_000, `all pages are ${total} bytes`);

  await using panel = await openPanel("/admin");
  const { page, logIn } = panel;
  const loaded = new Set([...html.matchAll(/assets\/([\w.-]+\.js)/g)].map(([, name]) => name!));
  page.on("request", (request) => {
    const name = /\/panel\/assets\/([\w.-]+\.js)$/.exec(request.url())?.[1];
    if (name !== undefined) loaded.add(name);
  });
  await page.reload();
  await logIn();
  await page.getByRole("heading", { level: 1, name: "Dashboard" }).waitFor();
  await page.waitForLoadState("load");
  const first = (await Promise.all([...loaded].map(size))).reduce((sum, bytes) => sum + bytes, 0);
  assert.ok(first <= 60_000, `the first page is ${first} bytes`);
});
