import assert from "node:assert/strict";
import fc from "fast-check";
import { paint, paintNoise } from "../testing/painting.ts";
import { cutInto, noise, type ScriptedPieces, scriptedPieces, taken } from "../testing/pieces.ts";
import { joined } from "./ascii.ts";
import { buffers, Piece, type Pieces } from "./buffers.ts";
import { Failed } from "./failure.ts";
import type { Encoding, Tap } from "./image_reader.ts";
import { ImageStream, type Keeper } from "./image_stream.ts";

const ENCODINGS = ["bytes", "base64"] as const;
const ascii = (text: string) => new TextEncoder().encode(text);
const written = (bytes: Uint8Array, encoding: Encoding) =>
  encoding === "bytes" ? bytes : ascii(bytes.toBase64());

/** Somebody who takes an image, and can be slow or fail. */
class TestTap implements Tap {
  readonly parts: Uint8Array[] = [];
  /** What it was told at the end; absent until then. */
  ended?: { error?: unknown };
  /** After so many pieces it is slow. */
  holdAfter = Infinity;
  #gate?: PromiseWithResolvers<void>;

  /** @param failsAt the write that it fails in, counted from 0; @param how it does that */
  constructor(
    readonly encoding: Encoding,
    public failsAt = Infinity,
    private readonly how: "rejects" | "throws" = "rejects",
  ) {}

  get image(): Uint8Array {
    const all = joined(this.parts);
    return this.encoding === "bytes" ? all : Uint8Array.fromBase64(new TextDecoder().decode(all));
  }

  hold(): void {
    this.#gate = Promise.withResolvers();
  }

  release(): void {
    this.holdAfter = Infinity;
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  write(piece: Piece): Promise<void> | void {
    if (this.parts.length >= this.failsAt) {
      piece.release();
      if (this.how === "throws") throw new Error("a full disk");
      return Promise.reject(new Error("a full disk"));
    }
    if (!this.#gate && this.parts.length >= this.holdAfter) this.hold();
    if (!this.#gate) return void this.parts.push(taken(piece));
    return this.#gate.promise.then(() => void this.parts.push(taken(piece)));
  }

  end(failure?: { error: unknown }): void {
    assert.equal(this.ended, undefined, "told twice");
    this.ended = failure ?? {};
  }
}

/** Somebody who keeps the image in memory, for those who are too slow. */
class TestKeeper extends TestTap implements Keeper {
  /** What reading it again fails with. */
  failure?: Error;
  isWilling = true;
  /** From which bytes on it was asked for the rest. */
  readonly asked: number[] = [];
  cancelled = 0;
  #told?: () => void;
  readonly #impatient = Promise.withResolvers<false>();

  constructor() {
    super("bytes");
  }

  loseThePatience(): void {
    this.#impatient.resolve(false);
  }

  waitFor(taken: Promise<unknown>): Promise<boolean> {
    return Promise.race([taken.then(() => true), this.#impatient.promise]);
  }

  override write(piece: Piece): Promise<void> | void {
    const done = super.write(piece);
    this.#told?.();
    return done;
  }

  override end(failure?: { error: unknown }): void {
    super.end(failure);
    this.#told?.();
  }

  from(start: number): Promise<Pieces | undefined> {
    if (!this.isWilling) return Promise.resolve(undefined);
    this.asked.push(start);
    let at = start;
    return Promise.resolve({
      next: async () => {
        for (;;) {
          if (this.failure) throw this.failure;
          if (this.ended?.error) throw this.ended.error;
          const bytes = joined(this.parts).slice(at, at + 5000);
          at += bytes.length;
          if (bytes.length > 0) return new Piece(bytes);
          if (this.ended) return undefined;
          await new Promise<void>((resolve) => this.#told = resolve);
        }
      },
      cancel: () => this.cancelled++,
    });
  }
}

/** An image in pieces, opened. */
async function opened(
  bytes: Uint8Array,
  { encoding = "bytes", cut = [16_000], failure }: {
    encoding?: Encoding;
    cut?: readonly number[];
    failure?: unknown;
  } = {},
): Promise<{ stream: ImageStream; source: ScriptedPieces }> {
  const source = scriptedPieces(cutInto(written(bytes, encoding), cut), failure);
  const stream = await ImageStream.open({ encoding, pieces: source });
  return { stream: stream!, source };
}

/** An image that somebody keeps, and that somebody else stops to read after some pieces. */
async function leftBehind(
  bytes: Uint8Array,
  { encoding, wanted = "base64", cut, failure, after = 3, isWilling = true }: {
    encoding?: Encoding;
    wanted?: Encoding;
    cut?: readonly number[];
    failure?: unknown;
    after?: number;
    isWilling?: boolean;
  } = {},
) {
  const { stream, source } = await opened(bytes, { encoding, cut, failure });
  const [slow, keeper] = [new TestTap(wanted), new TestKeeper()];
  keeper.isWilling = isWilling;
  slow.holdAfter = after;
  stream.tap(slow);
  stream.keep(keeper);
  const running = stream.run();
  running.catch(() => {});
  await settle();
  keeper.loseThePatience();
  await settle();
  return { stream, source, slow, keeper, running };
}

/** Lets everything go on that can. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

const sizes = fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 5 });

Deno.test("everybody gets the same image, in their own form, however it is cut", async () => {
  const samples = [
    paintNoise({ bytes: 1600 }),
    paintNoise({ bytes: 40_000 }),
    await paint({ width: 9, height: 9 }),
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...samples),
      fc.constantFrom(...ENCODINGS),
      fc.array(fc.constantFrom(...ENCODINGS), { minLength: 1, maxLength: 4 }),
      sizes,
      async (bytes, encoding, wanted, cut) => {
        const { stream } = await opened(bytes, { encoding, cut });
        const taps = wanted.map((encoding) => new TestTap(encoding));
        for (const tap of taps) stream.tap(tap);
        await stream.run();
        for (const tap of taps) {
          assert.deepEqual(tap.image, new Uint8Array(bytes));
          assert.deepEqual(tap.ended, {});
        }
        assert.equal(buffers.lent, 0);
      },
    ),
  );
});

for (const how of ["rejects", "throws"] as const) {
  Deno.test(`somebody who ${how} gets nothing more, and stops nobody else`, async () => {
    const bytes = paintNoise({ bytes: 300_000 });
    const { stream } = await opened(bytes);
    const [one, broken, other] = [new TestTap("bytes"), new TestTap("base64", 3, how), new TestTap("base64")];
    for (const tap of [one, broken, other]) stream.tap(tap);
    await stream.run();
    assert.deepEqual([one.image, other.image], [bytes, bytes]);
    assert.deepEqual([one.ended, other.ended], [{}, {}]);
    assert.equal(broken.parts.length, 3);
    assert.equal(buffers.lent, 0);
  });
}

Deno.test("an image that nobody wants any more is given up", async () => {
  const bytes = paintNoise({ bytes: 2_000_000 });
  const { stream, source } = await opened(bytes);
  stream.tap(new TestTap("bytes", 2));
  stream.tap(new TestTap("base64", 4));
  const cancelled = (error: unknown) => error instanceof Failed && error.failure.kind === "cancelled";
  await assert.rejects(stream.run(), cancelled);
  await assert.rejects(stream.arrived, cancelled);
  assert.equal(source.cancelled.length, 1);
  assert.ok(source.asked < 10, `${source.asked} pieces were asked for`);
  assert.equal(buffers.lent, 0);
});

Deno.test("everybody hears why an image broke off, in the words of whoever asked for it", async () => {
  const { stream, source } = await opened(paintNoise({ bytes: 100_000 }), {
    failure: new Error("connection reset"),
  });
  const taps = [new TestTap("bytes"), new TestTap("base64")];
  for (const tap of taps) stream.tap(tap);
  stream.explain = (error) => new TypeError("the picture could not be read", { cause: error });
  await assert.rejects(stream.run(), /the picture could not be read/);
  await assert.rejects(stream.arrived, TypeError);
  for (const tap of taps) assert.match(String(tap.ended?.error), /the picture could not be read/);
  assert.equal(source.cancelled.length, 1);
  assert.equal(buffers.lent, 0);
});

Deno.test("text that turns out not to be base64 breaks the image off for all", async () => {
  const text = paintNoise({ bytes: 200_000 }).toBase64();
  const source = scriptedPieces(cutInto(ascii(text.slice(0, 150_000) + "*" + text.slice(150_000)), [20_000]));
  const stream = (await ImageStream.open({ encoding: "base64", pieces: source }))!;
  const taps = [new TestTap("base64"), new TestTap("bytes")];
  for (const tap of taps) stream.tap(tap);
  await assert.rejects(stream.run(), SyntaxError);
  for (const tap of taps) assert.ok(tap.ended?.error instanceof SyntaxError);
  assert.equal(source.cancelled.length, 1);
  assert.equal(buffers.lent, 0);
});

Deno.test("base64 with blanks in it, or without its padding, goes out as it should be", async () => {
  const bytes = paintNoise({ bytes: 200_000 });
  assert.notEqual(bytes.length % 3, 0);
  const lines = bytes.toBase64({ omitPadding: true }).replace(/.{76}/g, "$&\r\n");
  for (const cut of [[50_000], [1000, 1], [400_000]]) {
    const stream = (await ImageStream.open({
      encoding: "base64",
      pieces: scriptedPieces(cutInto(ascii(lines), cut)),
    }))!;
    const taps = [new TestTap("base64"), new TestTap("bytes")] as const;
    for (const tap of taps) stream.tap(tap);
    await stream.run();
    assert.equal(new TextDecoder().decode(joined(taps[0].parts)), bytes.toBase64());
    assert.deepEqual(taps[1].image, bytes);
    assert.equal(buffers.lent, 0);
  }
});

Deno.test("text that is no base64 never reaches a reader who would quote it", async () => {
  const text = paintNoise({ bytes: 200_000 }).toBase64();
  for (const bad of ['","url":"', "\\", "\u0001"]) {
    const source = scriptedPieces(
      cutInto(ascii(text.slice(0, 150_000) + bad + text.slice(150_000)), [20_000]),
    );
    const stream = (await ImageStream.open({ encoding: "base64", pieces: source }))!;
    const tap = new TestTap("base64");
    stream.tap(tap);
    await assert.rejects(stream.run(), SyntaxError);
    assert.ok(!new TextDecoder().decode(joined(tap.parts)).includes(bad));
  }
});

Deno.test("base64 that ends in the middle of a group is no whole image", async () => {
  const text = paintNoise({ bytes: 100_000 }).toBase64().replace(/=+$/, "");
  const source = scriptedPieces([ascii(text.slice(0, Math.floor(text.length / 4) * 4 - 3))]);
  const stream = (await ImageStream.open({ encoding: "base64", pieces: source }))!;
  const tap = new TestTap("bytes");
  stream.tap(tap);
  await assert.rejects(stream.run(), SyntaxError);
  assert.ok(tap.ended?.error instanceof SyntaxError);
  assert.equal(buffers.lent, 0);
});

Deno.test("the slowest sets the pace: the source is read two pieces ahead at most", async () => {
  const bytes = paintNoise({ bytes: 1_000_000 });
  const { stream, source } = await opened(bytes);
  const [slow, quick] = [new TestTap("base64"), new TestTap("bytes")];
  slow.hold();
  stream.tap(slow);
  stream.tap(quick);
  const running = stream.run();
  await settle();
  assert.ok(source.asked <= 3, `${source.asked} pieces were asked for`);
  assert.ok(buffers.lent <= 6 * 256 * 1024, `${buffers.lent} bytes are lent`);
  slow.release();
  await running;
  assert.deepEqual([slow.image, quick.image], [bytes, bytes]);
  assert.equal(buffers.lent, 0);
});

Deno.test("of many images that come at once few are read at a time, each to its end", async () => {
  const bytes = paintNoise({ bytes: 400_000 });
  let [running, most] = [0, 0];
  await Promise.all(Array.from({ length: 40 }, async () => {
    const source = scriptedPieces(cutInto(bytes, [16_000]));
    let isBegun = false;
    const next = async () => {
      if (source.asked > 0 && !isBegun) {
        isBegun = true;
        most = Math.max(most, ++running);
      }
      return await source.next();
    };
    const stream = await ImageStream.open({ encoding: "bytes", pieces: { next, cancel: () => {} } });
    assert.deepEqual(await stream!.bytes(), bytes);
    running--;
  }));
  assert.equal(most, 8);
});

Deno.test("images that come slowly hold up nobody: all of many are read at the same time", async () => {
  const bytes = paintNoise({ bytes: 50_000 });
  const gate = Promise.withResolvers<void>();
  let slow = 0;
  const sources = Array.from({ length: 40 }, () => scriptedPieces(cutInto(bytes, [25_000])));
  const streams = await Promise.all(sources.map(async (source) => {
    const next = async () => {
      if (source.asked > 0) slow++;
      const piece = await source.next();
      if (source.asked > 1) await gate.promise;
      return piece;
    };
    return (await ImageStream.open({ encoding: "bytes", pieces: { next, cancel: () => {} } }))!;
  }));
  const read = Promise.all(streams.map((stream) => stream.bytes()));
  while (slow < sources.length) await new Promise((resolve) => setImmediate(resolve));
  gate.resolve();
  for (const image of await read) assert.deepEqual(image, bytes);
});

Deno.test("whoever is too slow is read the rest by whoever keeps it", async () => {
  const bytes = paintNoise({ bytes: 12_000 });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ENCODINGS),
      fc.constantFrom(...ENCODINGS),
      sizes,
      fc.nat(20),
      async (encoding, wanted, cut, after) => {
        const { slow, keeper, running } = await leftBehind(bytes, { encoding, wanted, cut, after });
        slow.release();
        await running;
        assert.deepEqual([slow.image, keeper.image], [bytes, bytes]);
        assert.deepEqual([slow.ended, keeper.ended], [{}, {}]);
        assert.equal(buffers.lent, 0);
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("the image is complete for its provider while somebody still reads it", async () => {
  const bytes = paintNoise({ bytes: 200_000 });
  const { stream, slow, keeper, running } = await leftBehind(bytes);
  await stream.arrived;
  assert.deepEqual([keeper.ended, slow.ended, keeper.asked.length], [{}, undefined, 1]);
  slow.release();
  await running;
  assert.deepEqual(slow.image, bytes);
});

Deno.test("an image that breaks off breaks off for those who are behind as well, and at once", async () => {
  const { slow, keeper, running } = await leftBehind(paintNoise({ bytes: 200_000 }), {
    failure: new Error("connection reset"),
  });
  await assert.rejects(running, /connection reset/);
  assert.equal(keeper.cancelled, 1);
  slow.release();
  await settle();
  assert.match(String(slow.ended?.error), /connection reset/);
  assert.equal(buffers.lent, 0);
});

Deno.test("where nobody can promise the rest, the slowest sets the pace", async () => {
  const bytes = paintNoise({ bytes: 1_000_000 });
  const { source, slow, keeper, running } = await leftBehind(bytes, { isWilling: false });
  assert.ok(source.asked < 8, `${source.asked} pieces were asked for`);
  slow.release();
  await running;
  assert.deepEqual([slow.image, keeper.image], [bytes, bytes]);
});

Deno.test("a rest that can't be read is told to whoever writes the reply, and the image is there all the same", async () => {
  const { stream, slow, keeper, running } = await leftBehind(paintNoise({ bytes: 200_000 }));
  await stream.arrived;
  keeper.failure = new Error("input/output error");
  slow.release();
  await assert.rejects(running, /input\/output error/);
  assert.deepEqual([String(slow.ended?.error), keeper.ended], ["Error: input/output error", {}]);
  assert.equal(keeper.cancelled, 1);
  assert.equal(buffers.lent, 0);
});

Deno.test("whoever is behind may leave, and nothing is read for them any more", async () => {
  const { stream, slow, keeper, running } = await leftBehind(paintNoise({ bytes: 200_000 }));
  await stream.arrived;
  slow.failsAt = 0;
  slow.release();
  await running;
  assert.equal(keeper.cancelled, 1);
  assert.equal(buffers.lent, 0);
});

Deno.test("an image that is given up unread is read by nobody, and everybody hears of it", async () => {
  const { stream, source } = await opened(paintNoise({ bytes: 100_000 }));
  const tap = new TestTap("bytes");
  stream.tap(tap);
  const reason = new Error("the client has left");
  stream.cancel(reason);
  stream.cancel(new Error("again"));
  await assert.rejects(stream.run(), reason);
  await assert.rejects(stream.arrived, reason);
  assert.deepEqual([tap.ended, tap.parts, source.cancelled], [{ error: reason }, [], [reason]]);
  assert.equal(buffers.lent, 0);
});

Deno.test("an image that is being read can't be given up from outside, nor get another reader", async () => {
  const bytes = paintNoise({ bytes: 100_000 });
  const { stream, source } = await opened(bytes);
  const tap = new TestTap("bytes");
  stream.tap(tap);
  assert.equal(stream.isRunning, false);
  const running = stream.run();
  assert.equal(stream.isRunning, true);
  stream.cancel();
  assert.throws(() => stream.tap(new TestTap("bytes")), /being read already/);
  assert.equal(stream.run(), running);
  await running;
  await stream.arrived;
  assert.deepEqual([tap.image, source.cancelled], [bytes, []]);
});

Deno.test("what an image is, is known from its first piece, and no more is read for it", async () => {
  for (const encoding of ENCODINGS) {
    const { stream, source } = await opened(paintNoise({ bytes: 100_000 }), { encoding });
    assert.deepEqual(stream.facts, { type: "image/png", width: 512, height: 66 });
    assert.equal(source.asked, 1);
    stream.cancel();
  }
});

Deno.test("an image whose size stands far behind is read as far as that, and comes whole", async () => {
  const jpeg = await paint({ width: 30, height: 20, format: "jpeg" });
  const comment = new Uint8Array([0xff, 0xfe, 0xea, 0x62, ...noise(60_000)]);
  const late = joined([jpeg.subarray(0, 2), ...Array(10).fill(comment), jpeg.subarray(2)]);
  for (const encoding of ENCODINGS) {
    const { stream } = await opened(late, { encoding, cut: [50_000, 7] });
    assert.deepEqual(stream.facts, { type: "image/jpeg", width: 30, height: 20 });
    assert.deepEqual(await stream.bytes(), late);
    assert.equal(buffers.lent, 0);
  }
});

Deno.test("what is no image is not opened, and its source is given up", async () => {
  const page = ascii("<!DOCTYPE html><title>Sorry</title>".repeat(100_000));
  for (
    const [encoding, bytes] of [["bytes", page], ["base64", written(page, "base64")], [
      "bytes",
      ascii(""),
    ]] as const
  ) {
    const source = scriptedPieces(cutInto(bytes, [30_000]));
    assert.equal(await ImageStream.open({ encoding, pieces: source }), undefined);
    assert.equal(source.cancelled.length, 1);
    assert.ok(source.asked * 30_000 < 3_000_000);
    assert.equal(buffers.lent, 0);
  }
});

Deno.test("a source that fails while it is looked at keeps nothing", async () => {
  const failing = scriptedPieces([noise(10), noise(20)], new Error("connection reset"));
  await assert.rejects(ImageStream.open({ encoding: "bytes", pieces: failing }), /connection reset/);
  const garbage = scriptedPieces([ascii("this is not base64!")]);
  await assert.rejects(ImageStream.open({ encoding: "base64", pieces: garbage }), SyntaxError);
  assert.equal(garbage.cancelled.length, 1);
  assert.equal(buffers.lent, 0);
});

Deno.test("the wait for the source is limited, and the wait for readers is not", async () => {
  const { stream, source } = await opened(paintNoise({ bytes: 200_000 }));
  let [held, begun] = [0, 0];
  stream.waiting = () => {
    held++;
    begun++;
    return { [Symbol.dispose]: () => held-- };
  };
  const slow = new TestTap("bytes");
  slow.hold();
  stream.tap(slow);
  const running = stream.run();
  await settle();
  assert.equal(held, 0, "nobody waits for the source now");
  slow.release();
  await running;
  assert.equal(held, 0);
  assert.equal(
    begun,
    source.asked,
    "at the beginning, and for all but the first piece, which told what it is",
  );
});

Deno.test("however it ends, all of its memory is given back, and everybody is told once", async () => {
  const bytes = paintNoise({ bytes: 60_000 });
  const tapOf = fc.record({
    encoding: fc.constantFrom(...ENCODINGS),
    failsAt: fc.option(fc.nat(8), { nil: Infinity }),
    how: fc.constantFrom("rejects" as const, "throws" as const),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...ENCODINGS),
      sizes,
      fc.array(tapOf, { maxLength: 4 }),
      fc.option(fc.nat(40), { nil: undefined }),
      async (encoding, cut, wanted, breaksAt) => {
        const parts = cutInto(written(bytes, encoding), cut);
        const source = breaksAt === undefined
          ? scriptedPieces(parts)
          : scriptedPieces(parts.slice(0, breaksAt), new Error("reset"));
        const stream = await ImageStream.open({ encoding, pieces: source }).catch(() => undefined);
        const taps = wanted.map(({ encoding, failsAt, how }) => new TestTap(encoding, failsAt, how));
        for (const tap of taps) stream?.tap(tap);
        const outcome = await stream?.run().then(() => "whole", () => "broken");
        assert.equal(buffers.lent, 0);
        if (!stream) return;
        for (const [index, tap] of taps.entries()) {
          if (wanted[index]!.failsAt < Infinity) continue;
          assert.equal("error" in tap.ended!, outcome === "broken");
          if (outcome === "whole") assert.deepEqual(tap.image, new Uint8Array(bytes));
        }
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("bytes that are at hand are an image at once, if they are one", async () => {
  const bytes = paintNoise({ bytes: 10_000 });
  assert.deepEqual(await (await ImageStream.of(bytes))!.bytes(), bytes);
  assert.equal(await ImageStream.of(ascii("no image")), undefined);
  assert.equal(await ImageStream.of(new Uint8Array()), undefined);
});
