/** The gallery in a real browser: found, looked at, taken along, removed, and there as soon as it is made. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { TestGateway } from "../src/testing/gateway.ts";
import { assertSound, openPanelPage, type PanelPageOptions } from "./panel_page.ts";

/** Paints pictures one after the other, so that the last prompt is the newest. */
async function paint(gateway: TestGateway, prompts: readonly string[], more: object = {}): Promise<void> {
  for (const prompt of prompts) {
    const body = { model: "mock-painter", prompt, size: "64x48", ...more };
    await (await gateway.post("/v1/images/generations", body)).body?.cancel();
  }
  await gateway.stored();
}

function openGallery(
  prompts: readonly string[],
  { path = "/pic", ...options }: PanelPageOptions & { path?: string } = {},
) {
  return openPanelPage(path, { ...options, prepare: (gateway) => paint(gateway, prompts) });
}

const tiles = (page: Page) => page.getByRole("button", { name: /^(Open: |打开：)/ });
const nameOfTile = async (page: Page, place: number) =>
  await tiles(page).nth(place).getAttribute("aria-label");
/** Waits until so many pictures are shown. */
const exactly = (page: Page, count: number) =>
  page.locator(`.gallery-tile:not(.waiting):nth-child(${count}):last-child`).waitFor();
/** Waits for it; fails where it can't be shown. */
const firstThumbnail = (page: Page) =>
  page.locator(".gallery-box img").first().evaluate((image: { decode(): Promise<void> }) => image.decode());
const panelOf = (page: Page) => page.getByRole("region", { name: "Details" });

async function paintMany(gateway: TestGateway, count: number): Promise<void> {
  const prompts = Array.from({ length: count }, (_, index) => `picture ${index}`);
  const halves = [
    prompts.filter((_, index) => index % 2 === 0),
    prompts.filter((_, index) => index % 2 === 1),
  ];
  await Promise.all(halves.map((half) => paint(gateway, half)));
}

Deno.test("the gallery of a new gateway says how to make the first picture", async () => {
  await using panel = await openPanelPage("/pic");
  const { page } = panel;
  await page.getByRole("heading", { name: "No pictures yet" }).waitFor();
  await assertSound(panel, "empty gallery");
});

Deno.test("a picture that is made while somebody looks appears on top", async () => {
  await using panel = await openGallery(["an old harbour"]);
  const { page, gateway } = panel;
  await tiles(page).first().waitFor();
  await paint(gateway, ["a new whale"]);
  await page.getByRole("button", { name: "Open: a new whale" }).waitFor();
  assert.equal(await nameOfTile(page, 0), "Open: a new whale");
  assert.equal(await tiles(page).count(), 2);
  assert.deepEqual(panel.complaints, []);
});

Deno.test("scrolling reads on, nothing jumps, and a new picture does not throw anybody back", async () => {
  await using panel = await openPanelPage("/pic", { prepare: (gateway) => paintMany(gateway, 130) });
  const { page, gateway } = panel;
  await tiles(page).first().waitFor();
  assert.equal(await tiles(page).count(), 60);
  const [first, second] = await Promise.all([0, 1].map((place) => tiles(page).nth(place).boundingBox()));
  assert.deepEqual([first!.width, first!.height], [second!.width, second!.width], "all boxes are squares");
  for (const count of [120, 130]) {
    await tiles(page).last().scrollIntoViewIfNeeded();
    await exactly(page, count);
  }
  await paint(gateway, ["the newest of all"]);
  await page.getByRole("button", { name: "Open: the newest of all" }).waitFor();
  assert.equal(await tiles(page).count(), 131);
  assert.deepEqual(panel.complaints, []);
});

Deno.test("filters and search are in the address and survive a reload", async () => {
  await using panel = await openGallery(["red fox", "blue whale", "red kite"]);
  const { page } = panel;
  await page.getByRole("searchbox").fill("RED");
  await exactly(page, 2);
  await page.getByLabel("Provider").selectOption("Mock");
  await page.waitForURL(/q=RED.*provider=Mock/);
  await page.reload();
  await tiles(page).first().waitFor();
  assert.equal(await tiles(page).count(), 2);
  await page.getByLabel("From this day").fill("2099-01-01");
  await page.getByRole("heading", { name: "No picture matches" }).waitFor();
  await assertSound(panel, "no match");
  await page.getByRole("button", { name: "Reset" }).last().click();
  await exactly(page, 3);
});

Deno.test("one picture shows all that made it; arrow keys go on, Escape and Back close", async () => {
  await using panel = await openGallery(["first", "second", "third"]);
  const { page } = panel;
  await tiles(page).nth(0).click();
  const shown = (name: string) => page.getByRole("dialog", { name }).waitFor();
  await shown("third");
  await panelOf(page).getByText("64 × 48").waitFor();
  for (const text of ["mock-painter", "Mock", "From words", "On this machine", "relay"]) {
    assert.ok(await panelOf(page).getByText(text, { exact: true }).first().isVisible(), text);
  }
  await assertSound(panel, "lightbox");
  await page.keyboard.press("ArrowRight");
  await shown("second");
  await page.keyboard.press("ArrowRight");
  await shown("first");
  assert.equal(await page.getByRole("button", { name: "Next picture" }).count(), 0);
  await page.keyboard.press("ArrowLeft");
  await shown("second");
  const url = page.url();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(new URL(page.url()).search, "");
  await tiles(page).nth(2).click();
  await shown("first");
  await page.goBack();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.goto(url);
  await shown("second");
  assert.deepEqual(panel.complaints, []);
});

Deno.test("a swipe goes on, and a tap shows the picture's own pixels", async () => {
  await using panel = await openGallery(["first", "second"], { width: 390, height: 844 });
  const { page } = panel;
  await tiles(page).first().tap();
  await page.getByRole("dialog", { name: "second" }).waitFor();
  const stage = page.locator(".lightbox-scroll");
  for (const [type, clientX] of [["pointerdown", 300], ["pointerup", 120]] as const) {
    await stage.dispatchEvent(type, { clientX, clientY: 200, pointerType: "touch", bubbles: true });
  }
  await page.getByRole("dialog", { name: "first" }).waitFor();
  const width = () => stage.locator("img").evaluate((image: { clientWidth: number }) => image.clientWidth);
  await stage.locator("img").tap();
  await page.getByRole("button", { name: "Fit to the window" }).waitFor();
  assert.equal(await width(), 64);
  assert.deepEqual(panel.complaints, []);
});

Deno.test("a picture is taken along to the playground, copied and downloaded", async () => {
  await using panel = await openGallery(["a fox"]);
  const { page, gateway } = panel;
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: gateway.url });
  await tiles(page).first().click();
  await panelOf(page).getByRole("button", { name: "Copy link" }).click();
  const link = await page.evaluate<string>("navigator.clipboard.readText()");
  const [name] = await gateway.stored();
  assert.equal(link, `${gateway.url}/storage/${name}`);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    panelOf(page).getByRole("link", { name: "Download" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), name);
  await panelOf(page).getByRole("link", { name: "Use as input" }).click();
  await page.getByRole("img", { name: "Image 1" }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/playground");
  assert.deepEqual(panel.complaints, []);
});

Deno.test("pictures are deleted one by one and many at once, after a question", async () => {
  await using panel = await openGallery(["one", "two", "three", "four"]);
  const { page, gateway } = panel;
  await tiles(page).nth(0).click();
  await panelOf(page).getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog", { name: "Delete this picture?" }).getByRole("button", { name: "Cancel" })
    .click();
  await panelOf(page).getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog", { name: "Delete this picture?" }).getByRole("button", { name: "Delete" })
    .click();
  await page.getByRole("dialog", { name: "three" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal((await gateway.stored()).length, 3);

  await page.getByRole("checkbox", { name: "Select: three" }).check();
  await page.getByRole("checkbox", { name: "Select: one" }).click({ modifiers: ["Shift"] });
  await page.getByRole("region", { name: "3 pictures selected" }).waitFor();
  await assertSound(panel, "selection");
  await page.getByRole("checkbox", { name: "Select: two" }).uncheck();
  await page.getByRole("region", { name: "2 pictures selected" }).getByRole("button", { name: "Delete" })
    .click();
  await page.getByRole("dialog", { name: "Delete 2 pictures?" }).getByRole("button", { name: "Delete" })
    .click();
  await page.getByText("2 pictures deleted").waitFor();
  assert.equal(await tiles(page).count(), 1);
  assert.equal(await nameOfTile(page, 0), "Open: two");
  assert.equal((await gateway.stored()).length, 1);
  assert.deepEqual(panel.complaints, []);
});

Deno.test("with signed links thumbnails show by the session, and a copied link opens for everybody", async () => {
  await using panel = await openGallery(["a fox"], {
    gateway: { file: { storage: { linkSeconds: 600 } } },
  });
  const { page, gateway } = panel;
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: gateway.url });
  await firstThumbnail(page);
  await tiles(page).first().click();
  await panelOf(page).getByRole("button", { name: "Copy link" }).click();
  const link = await page.evaluate<string>("navigator.clipboard.readText()");
  const reply = await fetch(link);
  await reply.body?.cancel();
  assert.equal(reply.status, 200);
  const unsigned = await fetch(link.split("?")[0]!);
  await unsigned.body?.cancel();
  assert.equal(unsigned.status, 403);
  assert.deepEqual(panel.complaints, []);
});

Deno.test("the gallery is repaired from its menu, and a folder that is not there can't be imported", async () => {
  await using panel = await openGallery(["a fox"]);
  const { page, gateway } = panel;
  const [name] = await gateway.stored();
  await Deno.copyFile(`${gateway.dataDir}/storage/${name}`, `${gateway.dataDir}/storage/by-hand.png`);
  await tiles(page).first().waitFor();
  await page.getByRole("button", { name: "Look after the gallery" }).click();
  await page.getByRole("menuitem", { name: "Repair", exact: true }).click();
  await page.getByText("Repaired.").waitFor();
  await exactly(page, 2);
  await page.getByRole("button", { name: "Look after the gallery" }).click();
  await page.getByRole("menuitem", { name: "Import a folder" }).click();
  const folder = page.getByRole("textbox", { name: "Folder" });
  await folder.fill("nowhere");
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("there is no such folder").waitFor();
  assert.equal(await folder.getAttribute("aria-invalid"), "true");
  await assertSound(panel, "import dialog");
});

for (const width of [390, 1440]) {
  for (const [theme, language] of [["light", "en"], ["dark", "zh-CN"]] as const) {
    Deno.test(`the gallery is accessible and fits at ${width} px, ${theme}, in ${language}`, async () => {
      const prompts = ["雪地里的一只红狐狸，清晨，水彩画", "a very long prompt ".repeat(30), "fox"];
      await using panel = await openGallery(prompts, { width, theme, language });
      const { page } = panel;
      await firstThumbnail(page);
      await assertSound(panel, "gallery");
      await tiles(page).nth(1).click();
      await page.locator(".lightbox-panel .facts").first().waitFor();
      await assertSound(panel, "lightbox");
    });
  }
}
