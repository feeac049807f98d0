/** Makes the pictures of the panel in `docs/`: a gateway that was in use for a week, in both themes. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { openBrowser } from "../../src/testing/browser.ts";
import { startPanelScene } from "../../src/testing/panel_scene.ts";

const DOCS = fileURLToPath(new URL("../../docs", import.meta.url));
/** A palette of so many colours looks the same at a third of the size. */
const COLOURS = 128;

await Deno.mkdir(DOCS, { recursive: true });
await using scene = await startPanelScene({ requests: 9000, pictures: 10, side: 1024 });
await using browser = await openBrowser();
for (const theme of ["light", "dark"] as const) {
  await using watched = await browser.open({ origin: scene.gateway.url, theme });
  const { page } = watched;
  await page.context().addCookies([{
    name: "imgrouter_session",
    value: scene.admin.token,
    url: scene.gateway.url,
  }]);
  await page.goto(`${scene.gateway.url}/admin`);
  await page.locator("canvas").first().waitFor();
  await page.locator(".log-row").first().waitFor();
  const path = join(DOCS, `panel-${theme}.png`);
  const { length } = await sharp(await page.screenshot())
    .png({ palette: true, colours: COLOURS, effort: 10, compressionLevel: 9 })
    .toBuffer().then(async (bytes) => {
      await Deno.writeFile(path, bytes);
      return bytes;
    });
  console.log(`${path}: ${Math.round(length / 1000)} kB`);
}
