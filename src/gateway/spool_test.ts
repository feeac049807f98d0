import assert from "node:assert/strict";
import { joined } from "../core/ascii.ts";
import { buffers, Piece, type Pieces } from "../core/buffers.ts";
import { ImageStream } from "../core/image_stream.ts";
import type { Draft } from "../platform/drafts.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { paintNoise } from "../testing/painting.ts";
import { cutInto, scriptedPieces, taken } from "../testing/pieces.ts";
import { Room, Spool } from "./spool.ts";

const MEBIBYTE = 1024 * 1024;
const picture = paintNoise({ bytes: 3 * MEBIBYTE });

/** A disk that can be full, or hold its breath. */
class Disk {
  parts: Uint8Array[] = [];
  discarded = 0;
  /** How many read it now. */
  readers = 0;
  /** How many bytes it takes before it is full. */
  space = Infinity;
  onFull?: () => void;
  /** Whether what was written can be read again. */
  isReadable = true;
  cannotBegin?: Error;
  cannotRead?: Error;
  #stalled?: PromiseWithResolvers<void>;

  stall(): void {
    this.#stalled = Promise.withResolvers();
  }

  goOn(): void {
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }

  readonly draft = (): Promise<Draft> => {
    if (this.cannotBegin) return Promise.reject(this.cannotBegin);
    return Promise.resolve({
      write: async (bytes) => {
        await this.#stalled?.promise;
        const written = bytes.slice(0, Math.max(0, this.space));
        this.space -= written.length;
        this.parts.push(written);
        if (written.length === bytes.length) return;
        this.onFull?.();
        throw new Error("no space left on device");
      },
      read: () =>
        this.isReadable
          ? Promise.resolve(joined(this.parts))
          : Promise.reject(new Error("input/output error")),
      reader: async () => {
        await this.#stalled?.promise;
        if (this.cannotRead) throw this.cannotRead;
        this.readers++;
        return {
          read: async (into, at) => {
            await this.#stalled?.promise;
            if (!this.isReadable) throw new Error("input/output error");
            const some = joined(this.parts).subarray(at, at + into.length);
            into.set(some);
            return some.length;
          },
          close: () => void this.readers--,
        };
      },
      commit: () => Promise.resolve(),
      discard: () => {
        this.discarded++;
        return Promise.resolve();
      },
    });
  };
}

/** A picture that arrives, and everything it may be written to. */
async function scene({ room = new Room(64 * MEBIBYTE), failure, piece = 100_000 }: {
  room?: Room;
  failure?: Error;
  piece?: number;
} = {}) {
  const clock = new FakeClock();
  const disk = new Disk();
  const errors: string[] = [];
  const spool = new Spool({
    clock,
    room,
    draft: disk.draft,
    onError: (error) => errors.push((error as Error).message),
  });
  const source = scriptedPieces(cutInto(picture, [piece]), failure);
  const stream = (await ImageStream.open({ encoding: "bytes", pieces: source }))!;
  stream.tap(spool);
  return { clock, disk, errors, spool, source, stream, room };
}

/** Whether all of this room is free. */
function isFree(room: Room, bytes = 64 * MEBIBYTE): boolean {
  const free = room.take(bytes);
  if (free) room.give(bytes);
  return free;
}

Deno.test("a picture is written as it arrives, and awaits its name", async () => {
  const { stream, spool, disk, errors, room } = await scene();
  await stream.run();
  const spooled = await spool.spooled;
  assert.ok(spooled && "draft" in spooled);
  assert.equal(spooled.size, picture.length);
  assert.deepEqual(joined(disk.parts), picture);
  assert.deepEqual([errors, disk.discarded, buffers.lent, isFree(room)], [[], 0, 0, true]);
});

for (const space of [0, 1, 150_000, MEBIBYTE + 7, picture.length - 1]) {
  Deno.test(`a disk that is full after ${space} bytes leaves the whole picture in memory`, async () => {
    const { stream, spool, disk, errors, room } = await scene();
    disk.space = space;
    await stream.run();
    const spooled = await spool.spooled;
    assert.ok(spooled && "bytes" in spooled);
    assert.deepEqual(spooled.bytes, picture);
    assert.deepEqual(errors, ["no space left on device"]);
    assert.deepEqual([disk.discarded, buffers.lent], [1, 0]);
    assert.ok(!isFree(room), "its room is taken until somebody gives it back");
    room.give(spooled.size);
    assert.ok(isFree(room));
  });
}

Deno.test("a folder that can't be written to at all leaves the whole picture in memory", async () => {
  const { stream, spool, disk, errors } = await scene();
  disk.cannotBegin = new Error("read-only file system");
  await stream.run();
  const spooled = await spool.spooled;
  assert.deepEqual(spooled && "bytes" in spooled && spooled.bytes, picture);
  assert.deepEqual([errors, buffers.lent], [["read-only file system"], 0]);
});

for (
  const [what, spoil] of [
    ["can't be read again", (disk: Disk) => disk.isReadable = false],
    ["has lost what it took", (disk: Disk) => disk.parts = []],
  ] as const
) {
  Deno.test(`a full disk that ${what} loses the picture, and says so`, async () => {
    const { stream, spool, disk, errors, room } = await scene();
    disk.space = 2 * MEBIBYTE;
    disk.onFull = () => spoil(disk);
    await stream.run();
    assert.equal(await spool.spooled, undefined);
    assert.equal(errors.length, 2);
    assert.deepEqual([disk.discarded, buffers.lent, isFree(room)], [1, 0, true]);
  });
}

Deno.test("a picture for which there is no room in memory is lost, and says so once", async () => {
  const room = new Room(MEBIBYTE);
  const { stream, spool, disk, errors } = await scene({ room });
  disk.space = 10;
  await stream.run();
  assert.equal(await spool.spooled, undefined);
  assert.deepEqual(errors, [
    "no space left on device",
    "there is no room left in memory for pictures that the disk does not take",
  ]);
  assert.deepEqual([disk.discarded, buffers.lent, isFree(room, MEBIBYTE)], [1, 0, true]);
});

Deno.test("a picture that breaks off leaves no file and no bytes behind", async () => {
  for (const space of [Infinity, 10]) {
    const { stream, spool, disk, room } = await scene({ failure: new Error("connection reset") });
    disk.space = space;
    await assert.rejects(stream.run(), /connection reset/);
    assert.equal(await spool.spooled, undefined);
    assert.deepEqual([disk.discarded, buffers.lent, isFree(room)], [1, 0, true]);
  }
});

Deno.test("a picture that is given up unread was never begun", async () => {
  const { stream, spool, disk } = await scene();
  stream.cancel(new Error("too late"));
  assert.equal(await spool.spooled, undefined);
  assert.deepEqual([disk.parts, disk.discarded], [[], 0]);
});

Deno.test("a disk that is behind slows the picture down, but not for more than two seconds", async () => {
  const { stream, spool, disk, clock, source, room } = await scene();
  disk.stall();
  const running = stream.run();
  await clock.sleeping(2000, 1);
  assert.ok(source.asked < 16, `${source.asked} pieces were asked for`);
  await clock.pass(2000);
  await running;
  assert.ok(!isFree(room), "what it does not take waits in memory that is counted");
  disk.goOn();
  const spooled = await spool.spooled;
  assert.ok(spooled && "draft" in spooled);
  assert.deepEqual(joined(disk.parts), picture);
  assert.deepEqual([disk.discarded, buffers.lent, isFree(room)], [0, 0, true]);
});

Deno.test("a disk that catches up in time costs no memory", async () => {
  const { stream, spool, disk, clock, room } = await scene();
  disk.stall();
  const running = stream.run();
  await clock.sleeping(2000, 1);
  await clock.pass(1900);
  disk.goOn();
  await running;
  assert.ok("draft" in (await spool.spooled)!);
  assert.deepEqual(joined(disk.parts), picture);
  assert.ok(isFree(room));
});

Deno.test("a disk that never answers holds nobody up, and keeps little of what is shared", async () => {
  const room = new Room(64 * MEBIBYTE);
  const { stream, disk, clock } = await scene({ room });
  disk.stall();
  const running = stream.run();
  await clock.sleeping(2000, 1);
  await clock.pass(2000);
  await running;
  await clock.sleeping(2000, 0);
  assert.ok(buffers.lent <= 12 * 408 * 1024, `${buffers.lent} bytes are lent`);
  disk.goOn();
});

Deno.test("a small picture on a disk that never answers is waited for no longer than two seconds", async () => {
  const clock = new FakeClock();
  const disk = new Disk();
  disk.stall();
  const spool = new Spool({ clock, room: new Room(MEBIBYTE), draft: disk.draft, onError: () => {} });
  const stream = (await ImageStream.of(paintNoise({ bytes: 1000 })))!;
  stream.tap(spool);
  const running = stream.run();
  await clock.sleeping(2000, 1);
  await clock.pass(2000);
  await running;
  disk.goOn();
  assert.ok("draft" in (await spool.spooled)!);
});

Deno.test("a disk that stalls with no room in memory loses the picture once it answers, and nothing else", async () => {
  const room = new Room(MEBIBYTE);
  const { stream, spool, disk, clock, errors } = await scene({ room });
  disk.stall();
  const running = stream.run();
  await clock.sleeping(2000, 1);
  await clock.pass(2000);
  await running;
  disk.goOn();
  assert.equal(await spool.spooled, undefined);
  assert.equal(errors.length, 1);
  assert.deepEqual([disk.discarded, buffers.lent, isFree(room, MEBIBYTE)], [1, 0, true]);
});

Deno.test("a picture that breaks off before a stalled disk answers leaves nothing behind after that", async () => {
  const { stream, spool, disk, clock, room } = await scene({ failure: new Error("connection reset") });
  disk.stall();
  const broken = assert.rejects(stream.run(), /connection reset/);
  await clock.sleeping(2000, 1);
  await clock.pass(2000);
  await broken;
  assert.equal(disk.discarded, 0);
  disk.goOn();
  assert.equal(await spool.spooled, undefined);
  assert.deepEqual([disk.discarded, buffers.lent, isFree(room)], [1, 0, true]);
});

/** All that comes of it. */
async function rest(pieces: Pieces): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (let piece = await pieces.next(); piece; piece = await pieces.next()) parts.push(taken(piece));
  return joined(parts);
}

/** All that comes from a byte on. */
async function readFrom(spool: Spool, start: number): Promise<Uint8Array> {
  return await rest((await spool.from(start))!);
}

/** A picture that is written by hand, so that it can be read in the midst of it. */
function byHand(
  space = Infinity,
  room = new Room(64 * MEBIBYTE),
  onError: (error: unknown) => void = () => {},
) {
  const clock = new FakeClock();
  const disk = new Disk();
  disk.space = space;
  const spool = new Spool({ clock, room, draft: disk.draft, onError });
  return { clock, disk, spool, room, write: (bytes: Uint8Array) => spool.write(new Piece(bytes)) };
}

Deno.test("what was written can be read again from any byte on, while more of it comes", async () => {
  const { disk, spool, write } = byHand();
  const third = Math.floor(picture.length / 3);
  await write(picture.subarray(0, third));
  const readers = [0, 1, third - 1, third, third + 5].map((start) => ({
    start,
    read: readFrom(spool, start),
  }));
  await write(picture.subarray(third, 2 * third));
  await write(picture.subarray(2 * third));
  await spool.end();
  for (const { start, read } of readers) assert.deepEqual(await read, picture.subarray(start));
  assert.deepEqual(await readFrom(spool, picture.length), new Uint8Array());
  assert.ok("draft" in (await spool.spooled)!);
  assert.deepEqual([disk.readers, buffers.lent], [0, 0]);
});

Deno.test("whoever reads it again need not wait for a disk that stalls", async () => {
  const { disk, spool, write, clock } = byHand();
  await write(picture.subarray(0, 1000));
  const pieces = (await spool.from(0))!;
  const written = taken((await pieces.next())!);
  disk.stall();
  void write(picture.subarray(1000, 5000));
  assert.deepEqual(joined([written, taken((await pieces.next())!)]), picture.subarray(0, 5000));
  const ended = spool.end();
  await clock.pass(2000);
  await ended;
  assert.equal(await pieces.next(), undefined);
  disk.goOn();
  await spool.spooled;
  assert.deepEqual([disk.readers, buffers.lent], [0, 0]);
});

Deno.test("a disk that fails while somebody reads it again costs them nothing, whatever room there is", async () => {
  const { disk, spool, write, room } = byHand(2000, new Room(3000));
  await write(picture.subarray(0, 1500));
  const reading = readFrom(spool, 500);
  await write(picture.subarray(1500, 10_000));
  await spool.end();
  assert.deepEqual(await reading, picture.subarray(500, 10_000));
  const spooled = await spool.spooled;
  assert.ok(spooled && "bytes" in spooled);
  assert.deepEqual([disk.discarded, disk.readers, buffers.lent], [1, 0, 0]);
  room.give(spooled.size);
  assert.ok(isFree(room, 3000));
});

Deno.test("a disk that lets nobody read what it has promises nobody anything", async () => {
  const errors: string[] = [];
  const { disk, spool, write, clock } = byHand(undefined, undefined, (error) => errors.push(String(error)));
  await write(picture.subarray(0, 1000));
  disk.cannotRead = new Error("too many open files");
  assert.equal(await spool.from(0), undefined);
  assert.deepEqual(errors, ["Error: too many open files"]);
  disk.cannotRead = undefined;
  await settled();
  disk.stall();
  const asked = spool.from(0);
  await clock.sleeping(2000, 1);
  await clock.pass(2000);
  assert.equal(await asked, undefined);
  disk.goOn();
  await settled();
  assert.equal(disk.readers, 0);
  await spool.end();
  assert.ok("draft" in (await spool.spooled)!);
});

Deno.test("whoever reads a picture of which a part was lost hears of it, and gets nothing behind that", async () => {
  const large = MEBIBYTE + 100_000;
  const { disk, spool, write, clock } = byHand(undefined, undefined, (error) => {
    // Between the loss and the moment in which the disk is not behind any more.
    if (/input/.test(String(error))) {
      queueMicrotask(() => void write(picture.subarray(large + 2000, large + 3000)));
    }
  });
  await write(picture.subarray(0, 1000));
  const pieces = (await spool.from(0))!;
  disk.stall();
  const slow = write(picture.subarray(1000, large));
  await clock.sleeping(2000, 1);
  await clock.pass(2000);
  await slow;
  void write(picture.subarray(large, large + 2000));
  disk.space = 0;
  disk.isReadable = false;
  disk.goOn();
  await settled();
  await write(picture.subarray(large + 3000, large + 4000));
  await assert.rejects(rest(pieces), /Cannot read the picture again/);
  pieces.cancel();
  await spool.end();
  assert.equal(await spool.spooled, undefined);
});

Deno.test("where the disk was left nobody is promised that they can read it again", async () => {
  const { spool, write } = byHand(10);
  await write(picture.subarray(0, 1000));
  await settled();
  assert.equal(await spool.from(0), undefined);
  await spool.end();
});

Deno.test("a picture that breaks off breaks off for those who read it again", async () => {
  const { disk, spool, write } = byHand();
  await write(picture.subarray(0, 1000));
  const pieces = (await spool.from(1000))!;
  const next = assert.rejects(pieces.next(), /connection reset/);
  await spool.end({ error: new Error("connection reset") });
  await next;
  pieces.cancel();
  await settled();
  assert.deepEqual([disk.discarded, disk.readers], [1, 0]);
});

Deno.test("a disk that does not give back what it took is an error for those who read, and not waited for", async () => {
  const { disk, spool, write, clock } = byHand();
  await write(picture.subarray(0, 1000));
  await settled();
  const failing = (await spool.from(0))!;
  disk.isReadable = false;
  await assert.rejects(failing.next(), /input\/output error/);
  disk.isReadable = true;
  const stalled = (await spool.from(0))!;
  disk.stall();
  const next = assert.rejects(stalled.next(), /Cannot read the picture again/);
  await clock.sleeping(60_000, 1);
  await clock.pass(60_000);
  await next;
  disk.goOn();
  for (const pieces of [failing, stalled]) pieces.cancel();
  await spool.end();
  await settled();
  assert.deepEqual([disk.readers, buffers.lent], [0, 0]);
});

/** Lets everything go on that can. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
