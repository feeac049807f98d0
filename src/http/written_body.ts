/**
 * Bodies that are written part by part, with images between the words. Each image goes to the socket in the very
 * memory in which it came. One that breaks off breaks the connection off: nobody takes half a reply for a whole one.
 */
import type { ServerResponse } from "node:http";
import type { Piece } from "../core/buffers.ts";
import type { Encoding, Tap } from "../core/image_reader.ts";
import type { Media } from "../core/media.ts";

/** Words, or an image in their midst. */
export type Part = string | { media: Media; encoding: Encoding };

/** Where a body is written to. */
interface Sink {
  /** Resolves when it is written and its memory may be used again. Rejects when the reader has left. */
  write(data: string | Uint8Array): Promise<void>;
}

interface Written {
  parts: AsyncIterable<Part> | Iterable<Part>;
  /** The length that was promised. */
  length?: number;
}

const writers = new WeakMap<ReadableStream, Written>();

/**
 * A body of these parts. A server that knows of `writeBody()` writes it without copies; others just read it.
 * @param length what `content-length` says: what is missing in the end is filled up with blanks, as JSON may have.
 * Without one each piece is framed, and copied for that.
 */
export function writtenBody(
  parts: AsyncIterable<Part> | Iterable<Part>,
  length?: number,
): ReadableStream<Uint8Array> {
  /** Those who wait until what they wrote has been read; an image may write several pieces at a time. */
  let waiting: (() => void)[] | undefined;
  const goOn = () => {
    for (const resolve of waiting?.splice(0) ?? []) resolve();
  };
  let gone = false;
  const body = new ReadableStream<Uint8Array>({
    start: () => {},
    pull(controller) {
      if (waiting) return goOn();
      waiting = [];
      const sink: Sink = {
        write(data) {
          if (gone) return Promise.reject(new Error("the reader has left"));
          controller.enqueue(typeof data === "string" ? encoder.encode(data) : data.slice());
          return new Promise((resolve) => waiting!.push(resolve));
        },
      };
      void writeParts({ parts, length }, sink).then(
        () => gone || controller.close(),
        (error) => controller.error(error),
      );
    },
    cancel() {
      gone = true;
      goOn();
    },
  }, { highWaterMark: 0 });
  writers.set(body, { parts, length });
  return body;
}

/** Whether a body is one of parts. */
export function isWritten(body: ReadableStream | null): body is ReadableStream<Uint8Array> {
  return body !== null && writers.has(body);
}

/**
 * Writes a body of parts to a reply whose head is written, and ends it. Never throws.
 * @param stallMs a reader who takes nothing for so long is gone
 */
export async function writeBody(
  body: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
  stallMs: number,
): Promise<void> {
  try {
    await writeParts(writers.get(body)!, new Socket(outgoing, stallMs));
    outgoing.end();
  } catch {
    outgoing.destroy();
  }
}

async function writeParts({ parts, length }: Written, sink: Sink): Promise<void> {
  const counted = new Counted(sink);
  for await (const part of parts) {
    if (typeof part === "string") await counted.write(part);
    else await writeImage(part, counted);
  }
  if (length === undefined) return;
  if (counted.length > length) {
    throw new Error(`a reply of ${counted.length} bytes was promised to have ${length}`);
  }
  if (counted.length < length) await sink.write(" ".repeat(length - counted.length));
}

async function writeImage({ media, encoding }: Exclude<Part, string>, sink: Sink): Promise<void> {
  if (media.stream) {
    media.stream.tap(new SinkTap(sink, encoding));
    await media.stream.run();
  } else if (encoding === "bytes") await sink.write(await media.bytes());
  else for await (const text of media.base64Parts()) await sink.write(text);
}

class Counted implements Sink {
  length = 0;

  constructor(private readonly sink: Sink) {}

  write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    this.length += bytes.length;
    return this.sink.write(bytes);
  }
}

const encoder = new TextEncoder();

class SinkTap implements Tap {
  constructor(private readonly sink: Sink, readonly encoding: Encoding) {}

  async write(piece: Piece): Promise<void> {
    try {
      await this.sink.write(piece.bytes);
    } finally {
      piece.release();
    }
  }

  end(): void {}
}

class Socket implements Sink {
  readonly #waiting = new Set<(error: Error) => void>();
  #isClosed = false;

  constructor(private readonly outgoing: ServerResponse, stallMs: number) {
    // As long as we have nothing to write, nobody has to take anything.
    outgoing.setTimeout(stallMs, () => this.#waiting.size > 0 && outgoing.destroy());
    outgoing.once("close", () => {
      this.#isClosed = true;
      for (const leave of this.#waiting) leave(left());
    });
  }

  write(data: string | Uint8Array): Promise<void> {
    if (this.#isClosed || this.outgoing.destroyed) return Promise.reject(left());
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.outgoing.write(data, (error) => {
        this.#waiting.delete(reject);
        if (error) reject(error);
        else resolve();
      });
    });
  }
}

function left(): Error {
  return new Error("the client has left");
}
