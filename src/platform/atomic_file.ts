/**
 * Files that are either the old one or the new one, never half of each: what a crash, a full disk or a
 * power cut must not damage is written here.
 */
import { basename, dirname, join } from "node:path";

/** What can be written. */
export type FileData = string | Uint8Array | ReadableStream<Uint8Array>;

/**
 * Writes a file in one step: a temporary file beside it, flushed to disk, takes its place.
 * A symbolic link is followed, so that it stays one. On failure the old file is as it was and nothing is left behind.
 * @param options.mode permission bits; absent = those of the file that is replaced, else 0644.
 * @throws Deno.errors.NotFound if the folder is missing, and whatever the disk answers.
 */
export async function writeAtomic(
  path: string,
  data: FileData,
  { mode }: { mode?: number } = {},
): Promise<void> {
  const target = await Deno.realPath(path).catch(() => path);
  const temporary = join(dirname(target), `.${basename(target)}.${crypto.randomUUID()}.tmp`);
  try {
    await writeFlushed(temporary, data, mode ?? await modeOf(target) ?? 0o644);
    await Deno.rename(temporary, target);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await flushFolder(dirname(target));
}

async function writeFlushed(path: string, data: FileData, mode: number): Promise<void> {
  // Created closed to others; opened up to `mode` only afterwards, since the umask may have taken bits away.
  using file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
  for await (let rest of chunksOf(data)) {
    while (rest.length > 0) rest = rest.subarray(await file.write(rest));
  }
  await file.sync();
  if (Deno.build.os !== "windows") await Deno.chmod(path, mode);
}

function chunksOf(data: FileData): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (typeof data === "string") return [new TextEncoder().encode(data)];
  return data instanceof Uint8Array ? [data] : data;
}

async function modeOf(path: string): Promise<number | undefined> {
  try {
    const { mode } = await Deno.stat(path);
    return mode === null ? undefined : mode & 0o777;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A rename is only sure to outlive a power cut once its folder is on disk; not every system lets one ask for that. */
async function flushFolder(path: string): Promise<void> {
  try {
    using folder = await Deno.open(path);
    await folder.sync();
  } catch {
    // The file itself is flushed; there is nothing more to be done here.
  }
}
