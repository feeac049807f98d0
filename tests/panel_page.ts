/** A page of the panel in a real browser, with a gateway of its own and somebody signed in. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { adminOf, type TestAdmin } from "../src/testing/admin.ts";
import { axe, openBrowser, type PageOptions } from "../src/testing/browser.ts";
import { type GatewayOptions, startGateway, type TestGateway } from "../src/testing/gateway.ts";

/** What may be chosen, and what is to be done before the page opens. */
export type PanelPageOptions = Omit<PageOptions, "origin"> & {
  gateway?: GatewayOptions;
  prepare?: (gateway: TestGateway) => Promise<unknown>;
};

/** A page, and what belongs to it. */
export interface PanelPage extends AsyncDisposable {
  page: Page;
  gateway: TestGateway;
  admin: TestAdmin;
  complaints: string[];
}

/** Opens a page of the panel. */
export async function openPanelPage(path: string, options: PanelPageOptions = {}): Promise<PanelPage> {
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(await startGateway(options.gateway));
  const admin = await adminOf(gateway);
  await options.prepare?.(gateway);
  const browser = stack.use(await openBrowser());
  const { page, complaints } = stack.use(await browser.open({ ...options, origin: gateway.url }));
  await page.context().addCookies([{ name: "imgrouter_session", value: admin.token, url: gateway.url }]);
  await page.goto(`${gateway.url}${path}`);
  const held = stack.move();
  return { page, gateway, admin, complaints, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** Asserts that a page is accessible, fits its window and has complained of nothing. */
export async function assertSound({ page, complaints }: PanelPage, where: string): Promise<void> {
  assert.deepEqual(await axe(page), [], where);
  const isWider = await page.evaluate<boolean>("document.documentElement.scrollWidth > innerWidth");
  assert.equal(isWider, false, `${where}: nothing has to be scrolled sideways`);
  assert.deepEqual(complaints, [], where);
}
