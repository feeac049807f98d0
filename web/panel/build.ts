/**
 * Builds the panel into `dist/`, and does nothing when `dist/` was made from the sources as they are. It runs
 * before every start, also where only the gateway's own packages are installed, and so imports next to nothing.
 */
import { createHash } from "node:crypto";
import { brotliCompress, constants, gzip } from "node:zlib";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { join } from "node:path";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const DIST = join(HERE, "dist");
const STAMP = join(DIST, "built-from");
/** Besides the panel's own files: the versions of what it is built with. */
const VERSIONS = fileURLToPath(new URL("../../deno.json", import.meta.url));
const COMPRESSED = /\.(js|css|html|svg|json)$/;

/** A fingerprint of everything that a build depends on. */
async function fingerprint(): Promise<string> {
  const hash = createHash("sha256");
  for (const path of [VERSIONS, ...(await filesIn(HERE)).filter((path) => !path.endsWith("_test.ts"))]) {
    hash.update(path.slice(HERE.length)).update("\0").update(await Deno.readFile(path)).update("\0");
  }
  return hash.digest("hex");
}

async function filesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory && name !== "dist" && name !== "node_modules") found.push(...await filesIn(path));
    else if (!isDirectory && !name.endsWith(".md")) found.push(path);
  }
  return found.sort();
}

/** Compresses once, as hard as it gets, what would else be compressed for each visitor. */
async function compressAll(): Promise<void> {
  for (const path of (await filesIn(join(DIST, "assets"))).filter((path) => COMPRESSED.test(path))) {
    const bytes = await Deno.readFile(path);
    const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
    await Deno.writeFile(`${path}.br`, await promisify(brotliCompress)(bytes, { params: quality }));
    await Deno.writeFile(`${path}.gz`, await promisify(gzip)(bytes, { level: constants.Z_BEST_COMPRESSION }));
  }
}

const wanted = await fingerprint();
const built = await Deno.readTextFile(STAMP).catch(() => undefined);
if (built !== wanted) {
  const startedAt = performance.now();
  // Named by a variable, so that Deno doesn't fetch the bundler where there is nothing to build.
  const bundler = "./bundle.ts";
  const { bundle } = await import(bundler);
  await bundle();
  await compressAll();
  await Deno.writeTextFile(STAMP, wanted);
  console.log(`Built the panel in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
}
