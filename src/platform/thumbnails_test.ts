import assert from "node:assert/strict";
import { join } from "node:path";
import sharp from "sharp";
import { readImageFacts } from "../core/media.ts";
import { paintPng } from "../testing/painting.ts";
import { type ThumbnailOptions, Thumbnails, thumbnailWidth } from "./thumbnails.ts";

interface Place extends AsyncDisposable {
  folder: string;
  open(options?: Partial<ThumbnailOptions>): Thumbnails;
  files(): Promise<string[]>;
  errors: unknown[];
}

async function place(): Promise<Place> {
  const root = await Deno.makeTempDir();
  const folder = join(root, "thumbnails");
  const errors: unknown[] = [];
  const opened: Thumbnails[] = [];
  return {
    folder,
    errors,
    open: (options) => {
      const thumbnails = new Thumbnails({ folder, onError: (error) => errors.push(error), ...options });
      opened.push(thumbnails);
      return thumbnails;
    },
    files: async () => {
      const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
      return entries.map(({ name }) => name).sort();
    },
    [Symbol.asyncDispose]: async () => {
      for (const thumbnails of opened) await thumbnails[Symbol.asyncDispose]();
      await Deno.remove(root, { recursive: true });
    },
  };
}

/** Gives a picture, and counts how often it was asked for it. */
function picture(width: number, height: number) {
  const read = () => {
    read.count++;
    return Promise.resolve<Uint8Array | undefined>(paintPng({ width, height }));
  };
  read.count = 0;
  return read;
}

Deno.test("a wish is brought to the next larger width there is", () => {
  const asked = ["1", "96", "97", "320", "321", "1280", "1281", "999999"];
  assert.deepEqual(asked.map(thumbnailWidth), [96, 96, 192, 320, 480, 1280, 1280, 1280]);
  for (const none of [undefined, "", "0", "-5", "1.5", "1e3", " 96", "96px", "NaN", "9".repeat(40)]) {
    assert.equal(thumbnailWidth(none), undefined, String(none));
  }
});

Deno.test("a thumbnail is a webp in the picture's shape, made once and found again after a restart", async () => {
  await using at = await place();
  const read = picture(800, 400);
  const made = await at.open().get("a.png", 320, read);
  assert.deepEqual(readImageFacts(made!), { type: "image/webp", width: 320, height: 160 });
  assert.deepEqual(await at.files(), ["a.png.320.webp"]);
  assert.deepEqual(await at.open().get("a.png", 320, read), made);
  assert.equal(read.count, 1);
});

Deno.test("a thumbnail is never wider than its picture", async () => {
  await using at = await place();
  const made = await at.open().get("a.png", 640, picture(100, 50));
  assert.deepEqual(readImageFacts(made!), { type: "image/webp", width: 100, height: 50 });
});

Deno.test("a photograph stands upright, and of what moves the first frame is shown", async () => {
  await using at = await place();
  const thumbnails = at.open();
  const lying = await sharp(paintPng({ width: 600, height: 300 })).jpeg().withMetadata({ orientation: 6 })
    .toBuffer();
  const upright = await thumbnails.get("a.jpg", 192, () => Promise.resolve(lying));
  assert.deepEqual(readImageFacts(upright!), { type: "image/webp", width: 192, height: 384 });

  const frames = [paintPng({ width: 400, height: 300 }), paintPng({ width: 400, height: 300, seed: 9 })];
  const moving = await sharp(frames, { join: { animated: true } }).gif().toBuffer();
  const still = await thumbnails.get("a.gif", 192, () => Promise.resolve(moving));
  const { width, height, pages } = await sharp(still!).metadata();
  assert.deepEqual([width, height, pages], [192, 144, undefined]);
});

Deno.test("callers who ask at once share one making", async () => {
  await using at = await place();
  const thumbnails = at.open();
  const read = picture(800, 400);
  const all = await Promise.all(Array.from({ length: 20 }, () => thumbnails.get("a.png", 320, read)));
  assert.equal(read.count, 1);
  assert.ok(all.every((made) => made === all[0]));
});

Deno.test("only so many are made at once, and only so many wait", async () => {
  await using at = await place();
  const thumbnails = at.open({ makers: 2, queue: 3 });
  const { promise, resolve } = Promise.withResolvers<void>();
  let running = 0;
  let most = 0;
  const read = async () => {
    most = Math.max(most, ++running);
    await promise;
    running--;
    return paintPng({ width: 200, height: 200 });
  };
  const names = Array.from({ length: 8 }, (_, index) => `${index}.png`);
  const all = names.map((name) => thumbnails.get(name, 96, read));
  const refused = await Promise.race([Promise.all(all.slice(5)), ...all.slice(0, 5)]);
  assert.deepEqual(refused, [undefined, undefined, undefined]);
  resolve();
  assert.equal((await Promise.all(all)).filter(Boolean).length, 5);
  assert.equal(most, 2);
});

Deno.test("what can't be decoded has no thumbnail, and leaves nothing behind", async () => {
  await using at = await place();
  const thumbnails = at.open();
  const broken = paintPng({ width: 64, height: 64 }).subarray(0, 50);
  const huge = paintPng({ width: 60_000, height: 60_000 }).subarray(0, 4096);
  for (const bytes of [broken, huge, new Uint8Array(), undefined]) {
    assert.equal(await thumbnails.get("a.png", 96, () => Promise.resolve(bytes)), undefined);
  }
  assert.equal(await thumbnails.get("a.png", 96, () => Promise.reject(new Error("gone"))), undefined);
  assert.equal(await thumbnails.get("../a.png", 96, picture(9, 9)), undefined);
  assert.deepEqual(await at.files(), []);
});

Deno.test("those that were not asked for the longest go when there is too much, also after a restart", async () => {
  await using at = await place();
  const size = (await at.open().get("0.png", 96, picture(200, 200)))!.length;
  const thumbnails = at.open({ maxBytes: size * 3 });
  await Deno.utime(join(at.folder, "0.png.96.webp"), new Date(0), new Date(0));
  for (const name of ["1.png", "2.png"]) await thumbnails.get(name, 96, picture(200, 200));
  await thumbnails.get("0.png", 96, picture(200, 200));
  await thumbnails.get("3.png", 96, picture(200, 200));
  assert.deepEqual(await at.files(), ["0.png.96.webp", "3.png.96.webp"]);
  const again = picture(200, 200);
  await thumbnails.get("1.png", 96, again);
  assert.equal(again.count, 1);
});

Deno.test("all thumbnails of a picture can be removed, those included that are just being made", async () => {
  await using at = await place();
  const thumbnails = at.open();
  await thumbnails.get("a.png", 96, picture(800, 800));
  await thumbnails.get("b.png", 96, picture(800, 800));
  const making = thumbnails.get("a.png", 320, picture(800, 800));
  await thumbnails.remove("a.png", "../secret", "none.png");
  assert.ok(await making);
  assert.deepEqual(await at.files(), ["b.png.96.webp"]);
  assert.deepEqual(at.errors, []);
});

Deno.test("a folder that was emptied by hand, or can't be written to, costs only the work", async () => {
  await using at = await place();
  const thumbnails = at.open();
  const read = picture(200, 200);
  await thumbnails.get("a.png", 96, read);
  await Deno.remove(at.folder, { recursive: true });
  assert.ok(await thumbnails.get("a.png", 96, read));
  assert.equal(read.count, 2);
  await Deno.remove(at.folder, { recursive: true });
  await Deno.writeTextFile(at.folder, "a file where the folder should be");
  assert.ok(await thumbnails.get("a.png", 96, read));
  assert.equal(at.errors.length, 1);
});
