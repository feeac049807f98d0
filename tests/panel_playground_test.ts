/** The playground in a real browser: a first picture by one button, and everything that a request may say. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { configureLog } from "../src/log/log.ts";
import { type OpenAiService, openAiService } from "../src/testing/openai_service.ts";
import { assertSound, openPanelPage } from "./panel_page.ts";

const make = (page: Page) => page.getByRole("button", { name: /^(Make the picture|生成图片)$/ });
const prompt = (page: Page) => page.getByRole("textbox", { name: /^(Prompt|提示词)$/ });
/** Links to a stored picture appear a moment after the picture. */
const stored = (page: Page) => page.getByRole("link", { name: /^(Open in the gallery|在图库中打开)$/ });

async function square(side: number) {
  const image = sharp({ create: { width: side, height: side, channels: 3, background: "#3a7" } });
  return { name: "square.png", mimeType: "image/png", buffer: await image.png().toBuffer() };
}

Deno.test("a newcomer makes a picture by one button, and finds it in gallery, requests and log", async () => {
  await using log = configureLog({ level: "info", format: "text", write: () => {} });
  await using panel = await openPanelPage("/playground", { gateway: { ring: log.ring } });
  const { page, admin } = panel;
  await page.getByText("built-in Mock").waitFor();
  assert.notEqual(await prompt(page).inputValue(), "", "a sample prompt is there");
  await make(page).click();
  await stored(page).waitFor();
  const picture = page.getByRole("img", { name: await prompt(page).inputValue() });
  assert.equal(await picture.evaluate((image: { naturalWidth: number }) => image.naturalWidth), 1024);
  await page.getByText("Mock, mock-painter").waitFor();
  await page.getByRole("link", { name: "1 attempt" }).waitFor();
  await page.getByRole("button", { name: "Copy link" }).waitFor();
  await assertSound(panel, "playground with a result");

  const { data: [request] } = await (await admin.fetch("/api/requests")).json();
  assert.deepEqual([request.client, request.provider, request.status], ["playground", "Mock", 200]);
  const { data: [kept] } = await (await admin.fetch("/api/gallery?limit=5")).json();
  assert.equal(kept.requestId, request.id);
  await stored(page).click();
  await page.getByRole("dialog", { name: kept.prompt }).waitFor();
  await page.goto(`${panel.gateway.url}/logs`);
  await page.getByText("/api/playground/images/generations").first().waitFor();
  assert.deepEqual(panel.complaints, []);
});

Deno.test("a picture on its way shows previews and can be cancelled", async () => {
  await using panel = await openPanelPage("/playground");
  const { page, admin } = panel;
  await prompt(page).fill("a lighthouse [slow 30s]");
  await page.keyboard.press("Control+Enter");
  await page.getByRole("progressbar").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Cancelled.").waitFor();
  assert.equal(await page.getByRole("progressbar").count(), 0);
  const { data } = await (await admin.fetch("/api/gallery?limit=5")).json();
  assert.deepEqual(data, []);
  assert.deepEqual(panel.complaints, []);
});

/** A gateway whose only key is one of a scripted OpenAI. */
function withOpenAi(openai: OpenAiService) {
  return { env: { OPENAI_API_KEY: openai.newKey(), OPENAI_BASE_URL: openai.url } };
}

Deno.test("previews are shown until the picture is there, and what it cost afterwards", async () => {
  await using openai = openAiService();
  using gate = openai.hold("last event");
  await using panel = await openPanelPage("/playground", { gateway: withOpenAi(openai) });
  const { page } = panel;
  await page.getByText("Goes to OpenAI/").waitFor();
  await make(page).click();
  await page.getByRole("img", { name: "Preview" }).waitFor();
  gate.release();
  await stored(page).waitFor();
  assert.equal(await page.getByRole("img", { name: "Preview" }).count(), 0);
  await page.getByText(/^\$0\.\d+$/).waitFor();
  assert.deepEqual(panel.complaints, []);
});

Deno.test("an image is dropped, masked by mouse and keyboard, and edited within the mask", async () => {
  await using openai = openAiService();
  await using panel = await openPanelPage("/playground", { gateway: withOpenAi(openai) });
  const { page } = panel;
  await page.locator("input[type=file]").setInputFiles(await square(200));
  await page.getByRole("img", { name: "Image 1" }).waitFor();
  await page.getByRole("button", { name: "Paint a mask" }).click();
  const canvas = page.getByRole("application");
  const box = (await canvas.boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.1, box.y + box.height * 0.1);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.9, box.y + box.height * 0.1, { steps: 5 });
  await page.mouse.up();
  await page.getByRole("button", { name: "Undo" }).click();
  assert.equal(
    await page.getByRole("button", { name: "Clear" }).isDisabled(),
    true,
    "the line was taken back",
  );
  await page.mouse.move(0, 0);
  await canvas.focus();
  await page.keyboard.press(" ");
  for (let step = 0; step < 5; step++) await page.keyboard.press("ArrowRight");
  await page.keyboard.press(" ");
  await assertSound(panel, "mask dialog");
  await page.getByRole("button", { name: "Use the mask" }).click();
  await prompt(page).fill("a hole in the wall");
  await page.getByText("Edit of the image").waitFor();
  await make(page).click();
  await stored(page).waitFor();

  const call = openai.calls.find(({ path }) => path.endsWith("/images/edits"))!;
  const mask = await (call.form!.get("mask") as File).bytes();
  const { data, info } = await sharp(mask).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
  const alphaAt = (x: number, y: number) => data[(y * info.width + x) * 4 + 3];
  assert.deepEqual([info.width, info.height], [200, 200]);
  assert.equal(alphaAt(100, 100), 0, "see-through where it was painted");
  assert.equal(alphaAt(20, 20), 255, "opaque where the line was taken back");
  assert.deepEqual(panel.complaints, []);
});

Deno.test("fields follow the model, and what is set reaches the provider", async () => {
  await using openai = openAiService();
  await using panel = await openPanelPage("/playground", { gateway: withOpenAi(openai) });
  const { page } = panel;
  const model = page.getByRole("combobox", { name: "Model" });
  await model.fill("gpt-image-2 openai");
  await page.getByRole("option", { name: /^gpt-image-2 / }).first().waitFor();
  await page.keyboard.press("Enter");
  assert.equal(await model.inputValue(), "OpenAI/gpt-image-2");
  await page.getByText("More settings").click();
  await page.getByLabel("Quality").selectOption("low");
  await page.getByLabel("Size").selectOption("1024x1536");
  await page.getByLabel("Format").selectOption("webp");
  await page.getByLabel("How many").fill("2");
  assert.equal(await page.getByLabel("Steps").count(), 0, "this model has no steps");
  await make(page).click();
  await stored(page).nth(1).waitFor();
  const { json } = openai.calls.find(({ path }) => path.endsWith("/images/generations"))!;
  const { quality, size, output_format, model: sent } = json as Record<string, unknown>;
  assert.deepEqual([sent, quality, size, output_format], ["gpt-image-2", "low", "1024x1536", "webp"]);

  await model.fill("flux-1-schnell hugging");
  await page.keyboard.press("Enter");
  await page.getByLabel("Steps").waitFor();
  assert.equal(await page.getByLabel("Quality").count(), 0);
  assert.deepEqual(panel.complaints, []);
});

Deno.test("two models are compared side by side, and a failure says why and what was tried", async () => {
  await using openai = openAiService();
  await using panel = await openPanelPage("/playground", { gateway: withOpenAi(openai) });
  const { page } = panel;
  await prompt(page).fill("something forbidden");
  await page.getByRole("button", { name: "Compare two models" }).click();
  const other = page.getByRole("combobox", { name: "Compared with" });
  await other.fill("mock");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Make both pictures" }).click();
  await stored(page).waitFor();
  await page.getByRole("alert").getByText("It did not work out").waitFor();
  await page.getByRole("heading", { name: "What was tried" }).waitFor();
  await page.getByRole("heading", { name: "Mock/mock-painter" }).waitFor();
  await assertSound(panel, "two results");
});

Deno.test("a picture of the gallery is run again with all that made it", async () => {
  const wish = { prompt: "a fox", size: "512x256", seed: 7, output_format: "jpeg", prompt_optimizer: false };
  await using panel = await openPanelPage("/playground", {
    prepare: async (gateway) => {
      await (await gateway.post("/v1/images/generations", { ...wish, model: "mock-painter" })).body?.cancel();
      await gateway.stored();
    },
  });
  const { page, admin, gateway } = panel;
  const [name] = await gateway.stored();
  await page.goto(`${gateway.url}/playground?from=${name}`);
  await page.getByText("Filled in as for that picture.").waitFor();
  assert.equal(await prompt(page).inputValue(), "a fox");
  await make(page).click();
  await stored(page).waitFor();
  const { data } = await (await admin.fetch("/api/gallery?limit=5")).json();
  assert.deepEqual(
    data.map((
      { prompt, width, height, seed, type }: Record<string, unknown>,
    ) => [prompt, width, height, seed, type]),
    Array(2).fill(["a fox", 512, 256, 7, "image/jpeg"]),
  );
  assert.deepEqual(panel.complaints, []);
});

Deno.test("each of several pictures is downloaded and named as itself", async () => {
  await using panel = await openPanelPage("/playground");
  const { page, gateway } = panel;
  await page.getByLabel("Size").selectOption("1280x720");
  await page.getByLabel("How many").fill("3");
  await make(page).click();
  await stored(page).nth(2).waitFor();
  const pictures = page.getByRole("figure");
  for (let index = 0; index < 3; index++) {
    const src = (await pictures.nth(index).getByRole("img").getAttribute("src"))!;
    const href = await pictures.nth(index).getByRole("link", { name: "Download" }).getAttribute("href");
    const cookie = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join();
    const downloaded = await (await fetch(gateway.url + href, { headers: { cookie } })).bytes();
    assert.equal(src, `data:image/png;base64,${downloaded.toBase64()}`);
  }
});

Deno.test("the code that is shown makes the same picture", async () => {
  await using panel = await openPanelPage("/playground");
  const { page, admin, gateway } = panel;
  await prompt(page).fill(`it's "quoted" & $HOME`);
  await page.getByRole("combobox", { name: "Model" }).fill("mock");
  await page.keyboard.press("Enter");
  await page.getByLabel("Size").selectOption("1280x720");
  await page.getByRole("button", { name: "Copy as code" }).click();
  const dialog = page.getByRole("dialog");
  const code = await dialog.locator("pre").innerText();
  const { code: status } = await new Deno.Command("bash", {
    args: ["-c", code],
    env: { IMGROUTER_KEY: "mock-demo" },
    stdout: "null",
    stderr: "null",
  }).output();
  assert.equal(status, 0, code);
  await gateway.stored();
  const { data: [made] } = await (await admin.fetch("/api/gallery?limit=5")).json();
  assert.deepEqual([made.prompt, made.width, made.client], [`it's "quoted" & $HOME`, 1280, "relay"]);
  for (const language of ["Python", "JavaScript"]) {
    await dialog.getByRole("tab", { name: language }).click();
    assert.match(await dialog.locator("pre").innerText(), /images\.generate\([^]*\\"quoted\\"/);
  }
  await assertSound(panel, "code dialog");
});

Deno.test("prompts that were used are offered again, in this browser alone, and forgotten on demand", async () => {
  await using panel = await openPanelPage("/playground");
  const { page } = panel;
  await prompt(page).fill("a whale over the town");
  await make(page).click();
  await stored(page).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "Recent prompts" }).click();
  await page.getByRole("menuitem", { name: "a whale over the town" }).click();
  assert.equal(await prompt(page).inputValue(), "a whale over the town");
  await page.getByRole("button", { name: "Recent prompts" }).click();
  await page.getByRole("menuitem", { name: "Forget these prompts" }).click();
  await page.reload();
  await prompt(page).waitFor();
  assert.equal(await page.getByRole("button", { name: "Recent prompts" }).count(), 0);
  assert.equal(await page.evaluate("localStorage.getItem('imgrouter.prompts')"), null);
});

for (const width of [390, 1440]) {
  for (const [theme, language] of [["light", "en"], ["dark", "zh-CN"]] as const) {
    Deno.test(`the playground is accessible and fits at ${width} px, ${theme}, in ${language}`, async () => {
      await using panel = await openPanelPage("/playground", { width, theme, language });
      const { page } = panel;
      await prompt(page).waitFor();
      await page.locator("summary").first().click();
      await assertSound(panel, "empty");
      await page.getByRole("combobox").first().click();
      await assertSound(panel, "list of models");
      await page.keyboard.press("Escape");
      await make(page).click();
      await stored(page).waitFor();
      await assertSound(panel, "with a result");
    });
  }
}
