/** The panel as a whole in a real browser: every page in every dress, with a gateway behind it that was in use. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { PANEL_PAGES } from "../src/http/panel.ts";
import { ADMIN_PASSWORD, asAdmin } from "../src/testing/admin.ts";
import { axe, openBrowser, type TestBrowser, type WatchedPage } from "../src/testing/browser.ts";
import { type PanelScene, startPanelScene } from "../src/testing/panel_scene.ts";

/** What shows that a page has got its data; the same in both languages. */
const PROOF: Record<string, string> = {
  "/admin": "canvas",
  "/playground": "form, textarea",
  "/channel": "text=OpenAI",
  "/keys": "text=Second account",
  "/clients": "text=Newsletter",
  "/pic": "img[src*='/storage/']",
  "/logs": ".log-row",
  "/requests": "text=gpt-image-2",
  "/prompt-optimizer": ".setting",
  "/setting": ".setting",
  "/update": ".facts",
};
/** For anything on a page, in ms. */
const TIME_LIMIT = 10_000;
const SIZES = [390, 1440];
const LANGUAGES = ["en", "zh-CN"] as const;

Deno.test("the panel with real data", async (t) => {
  await using scene = await startPanelScene({ requests: 60, pictures: 3 });
  await using browser = await openBrowser();
  const spill = new Spill(scene.secrets);

  for (const width of SIZES) {
    for (const language of LANGUAGES) {
      await t.step(`every page is in order at ${width} px in ${language}, light and dark`, async () => {
        await using watched = await enter(browser, scene, { width, language });
        const { page, complaints } = watched;
        spill.watch(page.context());
        for (const path of PANEL_PAGES) {
          await page.emulateMedia({ colorScheme: "light" });
          await open(page, scene, path);
          assert.equal(
            await page.locator("html").getAttribute("lang"),
            language,
            `${path} speaks the language of the browser`,
          );
          const overflow = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
          assert.ok(overflow <= 0, `${path} is ${overflow} px too wide`);
          assert.deepEqual(await axe(page), [], `${path}, light`);
          await page.emulateMedia({ colorScheme: "dark" });
          // Nothing but colours is another in the dark.
          assert.deepEqual(await axe(page, ["color-contrast"]), [], `${path}, dark`);
          await spill.look(page);
          assert.deepEqual(complaints, [], path);
        }
      });
    }
  }

  await t.step("no secret is in any page, reply or storage of the browser", () => {
    assert.deepEqual(spill.found, []);
    assert.ok(spill.replies > 100, `only ${spill.replies} replies were looked at`);
  });

  await t.step("a setting saved in one tab appears in another", async () => {
    await using watched = await enter(browser, scene);
    const { page: one, complaints } = watched;
    const other = await one.context().newPage();
    await open(one, scene, "/setting");
    await open(other, scene, "/setting");
    await one.getByLabel("Retries", { exact: true }).fill("5");
    await one.getByRole("button", { name: "Save" }).click();
    await one.getByText("1 setting saved").waitFor();
    await expectValue(other, "routing.maxRetries", "5");
    assert.deepEqual(complaints, []);
  });

  await t.step(
    "a revoked session leads to the login, a wrong password is told, the right one leads back",
    async () => {
      await using watched = await enter(browser, scene);
      const { page, complaints } = watched;
      await open(page, scene, "/keys");
      const [cookie] = await page.context().cookies();
      await asAdmin(scene.gateway, cookie!.value).send("/api/auth/logout", {});
      // The stream of changes ends with the session: nobody has to click for it to show.
      const password = page.getByLabel("Password", { exact: true });
      await password.fill("not the password");
      await page.keyboard.press("Enter");
      await page.getByText("This password is not right.").waitFor();
      await password.fill(ADMIN_PASSWORD);
      await page.keyboard.press("Enter");
      await page.locator(PROOF["/keys"]!).first().waitFor();
      assert.equal(new URL(page.url()).pathname, "/keys");
      assert.deepEqual(complaints, []);
    },
  );

  await t.step("a lost connection shows itself and heals without a reload", async () => {
    await using watched = await enter(browser, scene);
    const { page } = watched;
    await open(page, scene, "/setting");
    const lost = page.getByText("Connection lost. Trying again…");
    const file = join(scene.gateway.dataDir, "runtime-config.json");
    await scene.restart(async () => {
      await lost.waitFor();
      const settings = JSON.parse(await Deno.readTextFile(file));
      await Deno.writeTextFile(file, JSON.stringify({ ...settings, routing: { maxRetries: 8 } }));
    });
    await lost.waitFor({ state: "detached" });
    await expectValue(page, "routing.maxRetries", "8");
  });
});

/** A page of somebody who is logged in. Each has a session of their own. */
async function enter(
  browser: TestBrowser,
  { gateway }: PanelScene,
  options: { width?: number; language?: (typeof LANGUAGES)[number] } = {},
): Promise<WatchedPage> {
  const watched = await browser.open({ ...options, origin: gateway.url });
  const reply = await fetch(`${gateway.url}/api/auth/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ password: ADMIN_PASSWORD }),
  });
  const { token }: { token: string } = await reply.json();
  watched.page.setDefaultTimeout(TIME_LIMIT);
  await watched.page.context().addCookies([{
    name: "imgrouter_session",
    value: token,
    url: gateway.url,
    httpOnly: true,
    sameSite: "Strict",
  }]);
  return watched;
}

/** Goes to a page and waits until it shows its data and nothing is on its way. */
async function open(page: Page, { gateway }: PanelScene, path: string): Promise<void> {
  await page.goto(`${gateway.url}${path}`);
  await page.locator(PROOF[path]!).filter({ visible: true }).first().waitFor().catch((error) => {
    throw new Error(`${path} shows no data`, { cause: error });
  });
  const waiting = page.locator(".skeleton, .page-busy, [aria-busy='true']");
  while (await waiting.count() > 0) await waiting.first().waitFor({ state: "detached" });
}

async function expectValue(page: Page, name: string, value: string): Promise<void> {
  const field = page.locator(`[name='${name}']`);
  const until = Date.now() + TIME_LIMIT;
  let shown = "";
  while (shown !== value && Date.now() < until) {
    shown = await field.inputValue();
    await page.evaluate("new Promise((resolve) => requestAnimationFrame(resolve))");
  }
  assert.equal(shown, value);
}

/** Looks for secrets wherever a browser could show or keep them. */
class Spill {
  replies = 0;
  readonly #found = new Set<string>();
  readonly #reading: Promise<void>[] = [];

  constructor(private readonly secrets: readonly string[]) {}

  /** Reads all replies of the gateway; streams never end and are not read. */
  watch(context: BrowserContext): void {
    context.on("response", (response) => {
      if (!/json|text\/(?!event-stream)/.test(response.headers()["content-type"] ?? "")) return;
      const read = response.text().then((text) => {
        this.replies++;
        this.#look(text, response.url());
      }, () => {});
      this.#reading.push(read);
    });
  }

  /** Reads the page, with what its fields hold, what the browser keeps, and all replies so far. */
  async look(page: Page): Promise<void> {
    const text = await page.evaluate<string>(`[
      document.documentElement.outerHTML,
      ...[...document.querySelectorAll("input, textarea")].map(({ value }) => value),
      JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie, location.href,
    ].join("\\n")`);
    this.#look(text, page.url());
    // Once the page is closed, replies can't be read any more.
    await Promise.all(this.#reading);
  }

  get found(): string[] {
    return [...this.#found];
  }

  #look(text: string, where: string): void {
    for (const secret of this.secrets) if (text.includes(secret)) this.#found.add(`${secret} at ${where}`);
  }
}
