/** The live log in a real browser: followed, filtered, paused, taken up again, and long. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { LogEntry } from "../src/log/entry.ts";
import { LogRing } from "../src/log/ring.ts";
import { startGateway } from "../src/testing/gateway.ts";
import { assertSound, openPanelPage } from "./panel_page.ts";

Deno.test("lines appear as they are written, and level and text choose among them", async () => {
  const ring = new LogRing();
  write(ring, { message: "The first line" });
  await using panel = await openPanelPage("/logs", { gateway: { ring } });
  const { page } = panel;
  await page.getByText("The first line").waitFor();
  write(ring, { message: "OpenAI is slow today", level: "warning", module: "gateway" });
  write(ring, { message: "The disk is full", level: "error", module: "storage" });
  await page.getByText("The disk is full").waitFor();
  assert.deepEqual(await messages(page), ["The first line", "OpenAI is slow today", "The disk is full"]);
  await page.getByLabel("Lowest level").selectOption("warning");
  assert.deepEqual(await messages(page, 2), ["OpenAI is slow today", "The disk is full"]);
  await page.getByRole("searchbox").fill("STORAGE");
  assert.deepEqual(await messages(page, 1), ["The disk is full"]);
  await page.getByText("1 of 3 lines").waitFor();
  await page.reload();
  assert.deepEqual(await messages(page, 1), ["The disk is full"]);
  await page.getByRole("searchbox").fill("nothing of the kind");
  await page.getByRole("heading", { name: "No line fits" }).waitFor();
  await assertSound(panel, "no line fits");
  await page.getByRole("button", { name: "Take the filters away" }).click();
  await messages(page, 3);
  await assertSound(panel, "three lines");
});

Deno.test("a line shows its fields, and its request id leads to the request", async () => {
  const ring = new LogRing();
  let id = "";
  await using panel = await openPanelPage("/logs", {
    gateway: { ring },
    prepare: async (gateway) => {
      const reply = await gateway.post("/v1/images/generations", { prompt: "a red fox", size: "64x64" });
      await reply.body?.cancel();
      id = reply.headers.get("x-request-id")!;
      write(ring, { message: "Mock delivered", requestId: id, fields: { provider: "Mock", ms: 12 } });
      write(ring, { message: "Another one", requestId: "req_other" });
    },
  });
  const { page } = panel;
  await page.getByRole("button", { name: "Show the details of this line" }).first().click();
  await page.getByRole("definition").getByText("Mock", { exact: true }).waitFor();
  await assertSound(panel, "details");
  await page.getByRole("link", { name: id }).click();
  await page.getByRole("dialog", { name: "Request" }).getByText("a red fox").waitFor();
  await page.getByRole("link", { name: "Show in the log" }).click();
  assert.deepEqual(await messages(page, 1), ["Mock delivered"]);
  await page.getByRole("button", { name: "Show all lines" }).click();
  await messages(page, 2);
});

Deno.test("a pause holds what is shown, counts what comes, and shows it afterwards", async () => {
  const ring = new LogRing();
  write(ring, { message: "before" });
  await using panel = await openPanelPage("/logs", { gateway: { ring } });
  const { page } = panel;
  await page.getByText("before").waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  write(ring, { message: "meanwhile 1" });
  write(ring, { message: "meanwhile 2" });
  const go = page.getByRole("button", { name: "Continue (2 new)" });
  await go.waitFor();
  assert.deepEqual(await messages(page), ["before"]);
  await go.click();
  assert.deepEqual(await messages(page, 3), ["before", "meanwhile 1", "meanwhile 2"]);
});

Deno.test("after a lost connection the log goes on with what was written meanwhile", async () => {
  const ring = new LogRing();
  write(ring, { message: "before" });
  await using panel = await openPanelPage("/logs", { gateway: { ring } });
  const { page, gateway } = panel;
  await page.getByText("before").waitFor();
  await gateway.stop();
  await page.getByText("Connection lost. Trying again…").waitFor();
  write(ring, { message: "meanwhile" });
  await using _again = await startGateway({
    ring,
    dataDir: gateway.dataDir,
    port: Number(new URL(gateway.url).port),
  });
  await page.getByText("meanwhile").waitFor();
  await page.getByText("Connection lost. Trying again…").waitFor({ state: "detached" });
  write(ring, { message: "afterwards" });
  await page.getByText("afterwards").waitFor();
  assert.deepEqual(await messages(page), ["before", "meanwhile", "afterwards"]);
});

Deno.test("a gateway that was started again, and lines that were lost, are marked", async () => {
  const ring = new LogRing(3);
  for (const message of ["one", "two", "three"]) write(ring, { message });
  await using panel = await openPanelPage("/logs", { gateway: { ring } });
  const { page, gateway } = panel;
  await page.getByText("three").waitFor();
  await gateway.stop();
  for (let count = 4; count <= 8; count++) write(ring, { message: `line ${count}` });
  const next = { dataDir: gateway.dataDir, port: Number(new URL(gateway.url).port) };
  {
    await using _again = await startGateway({ ...next, ring });
    await page.getByText("line 8").waitFor();
    await page.getByText("2 lines were missed here").waitFor();
  }
  const fresh = new LogRing();
  write(fresh, { message: "a new life" });
  await using _third = await startGateway({ ...next, ring: fresh });
  await page.getByText("a new life").waitFor();
  await page.getByText("The gateway was started again").waitFor();
});

Deno.test("ten thousand lines are followed, searched and scrolled with a handful of them drawn", async () => {
  const ring = new LogRing(10_000);
  for (let count = 1; count <= 10_000; count++) {
    write(ring, {
      message: `line ${count}${count % 7 ? "" : " that is long enough to be broken".repeat(9)}`,
    });
  }
  await using panel = await openPanelPage("/logs", { gateway: { ring } });
  const { page } = panel;
  await page.getByText("10,000 lines").waitFor();
  await page.getByText("line 10000", { exact: true }).waitFor();
  assert.ok(await page.locator(".log-row").count() < 120);

  const startedAt = performance.now();
  for (let count = 10_001; count <= 10_400; count++) write(ring, { message: `line ${count}` });
  await page.getByText("line 10400", { exact: true }).waitFor();
  await page.getByRole("searchbox").fill("line 777");
  assert.equal((await messages(page, 11))[0]?.split(" that")[0], "line 777");
  await page.getByRole("searchbox").fill("");
  await page.getByText("line 10400", { exact: true }).waitFor();
  console.log(`400 more lines and two searches took ${Math.round(performance.now() - startedAt)} ms`);

  const list = page.getByRole("list", { name: /The log/ });
  await list.focus();
  await page.keyboard.press("Home");
  await page.getByText("line 1", { exact: true }).waitFor();
  write(ring, { message: "a line that nobody waits for" });
  await page.getByText("10,401 lines").waitFor();
  assert.ok(await page.getByText("line 1", { exact: true }).isVisible(), "who reads is not taken to the end");
  await assertSound(panel, "ten thousand lines");
});

Deno.test("what is shown can be copied and downloaded", async () => {
  const ring = new LogRing();
  write(ring, { message: "kept", level: "warning", requestId: "req_1" });
  write(ring, { message: "left out" });
  await using panel = await openPanelPage("/logs?level=warning", { gateway: { ring } });
  const { page, complaints } = panel;
  const line = /^\d{4}-\d\d-\d\dT[\d:.]+Z WARNING \[http\] req_1 kept$/;
  await messages(page, 1);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  assert.match(await page.evaluate<string>("navigator.clipboard.readText()"), line);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download" }).click(),
  ]);
  assert.match(download.suggestedFilename(), /^imgrouter-.+\.log$/);
  assert.match((await Deno.readTextFile(await download.path())).trimEnd(), line);
  assert.deepEqual(complaints, []);
});

/** The messages that are drawn; with `count`, once there are so many. */
async function messages(page: Page, count?: number): Promise<string[]> {
  const lines = page.locator(".log-row > .message");
  if (count !== undefined) {
    await lines.nth(count - 1).waitFor();
    await lines.nth(count).waitFor({ state: "detached" });
  }
  const texts = await lines.allInnerTexts();
  return texts.map((text) => text.replace(/ req_\S+$/, ""));
}

function write(ring: LogRing, entry: Partial<LogEntry>): void {
  ring.push({
    id: ring.nextId,
    time: Date.now(),
    level: "info",
    module: "http",
    message: "",
    fields: {},
    told: [],
    ...entry,
  });
}
