/** A file under a second name: without a second copy of its bytes where the file system allows that. */
import { basename, dirname, join } from "node:path";

/**
 * Gives the file `from` the further name `to`: a hard link, or else a copy that appears there in one step.
 * @throws Deno.errors.AlreadyExists if there is something at `to`, and whatever else the disk answers
 */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await Deno.link(from, to);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.NotFound) throw error;
    // Another file system, one without links, somebody else's file, or too many names already.
    await copy(from, to);
  }
}

async function copy(from: string, to: string): Promise<void> {
  const temporary = join(dirname(to), `.${basename(to)}.${crypto.randomUUID()}.tmp`);
  try {
    await Deno.copyFile(from, temporary);
    if (Deno.build.os !== "windows") await Deno.chmod(temporary, 0o644);
    using file = await Deno.open(temporary, { write: true });
    await file.sync();
    if (await Deno.lstat(to).then(() => true, () => false)) throw new Deno.errors.AlreadyExists(to);
    await Deno.rename(temporary, to);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}
