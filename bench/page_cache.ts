/** The state of the machine's memory before pictures are written. */
import { join } from "node:path";

const GIGABYTE = 1024 ** 3;
const PIECE = 1024 ** 2;

/**
 * Writes a gigabyte to the disk of `folder` and removes it, so that the page cache has memory at hand, as on a
 * machine that has run for a while. Where a host gives memory to a virtual machine page by page, touching each
 * for the first time costs ten times as much as writing into it, and that would be measured instead.
 */
export async function warmPageCache(folder: string): Promise<void> {
  const path = join(folder, "page-cache");
  using file = await Deno.open(path, { write: true, create: true });
  const piece = new Uint8Array(PIECE).fill(1);
  for (let written = 0; written < GIGABYTE; written += PIECE) await file.write(piece);
  await Deno.remove(path);
}
