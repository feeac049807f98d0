/** Images that are being written to the folder of images, ahead of their names: hidden files until then. */
import { join } from "node:path";
import { assertBlobName } from "./blob_names.ts";

/** One image that is being written. */
export interface Draft {
  /** Appends bytes, which must stay as they are until it resolves. */
  write(bytes: Uint8Array): Promise<void>;
  /** What was written up to now. */
  read(): Promise<Uint8Array>;
  /** Ends it and gives it its name. @throws TypeError for a name that is none */
  commit(name: string): Promise<void>;
  /** Ends it and removes it. Never throws. */
  discard(): Promise<void>;
}

/** Makes drafts in `folder`, which is made by the first one. */
export function createDrafts(folder: string): () => Promise<Draft> {
  return async () => {
    const path = join(folder, `.${crypto.randomUUID()}.tmp`);
    const file = await create(path, folder);
    return {
      async write(bytes) {
        for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await file.write(rest));
      },
      read: () => Deno.readFile(path),
      async commit(name) {
        assertBlobName(name);
        close(file);
        await Deno.rename(path, join(folder, name));
      },
      async discard() {
        close(file);
        await Deno.remove(path).catch(() => {});
      },
    };
  };
}

async function create(path: string, folder: string): Promise<Deno.FsFile> {
  const open = () => Deno.open(path, { write: true, createNew: true });
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.mkdir(folder, { recursive: true });
    return await open();
  }
}

/** A commit that failed may be followed by a discard. */
function close(file: Deno.FsFile): void {
  try {
    file.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
