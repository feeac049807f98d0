/**
 * Texts with pictures in their midst, such as JSON with base64 in it. Whoever builds one puts a mark where a
 * picture belongs; it is written around its pictures, which are never made into a string.
 */
import { Buffer } from "node:buffer";
import type { Media } from "../../core/media.ts";
import type { Part } from "../written_body.ts";

/** What such a text is built from. */
export interface Filling<T> {
  pictures: readonly { media: Media }[];
  /** Pending while the one picture is still arriving; gives the same with all that was told behind it. */
  arrived?: Promise<T>;
}

/** A text with its pictures, to be read once. */
export interface FilledText extends AsyncIterable<Part> {
  /** Whether a picture in it is better not made into a string, or not here yet. */
  isLarge: boolean;
  /** How long it can be at most, in bytes; absent = nobody knows. */
  most?: number;
}

/** Nobody can guess it, so that no words of others are taken for a mark. */
const MARK = crypto.randomUUID();
const MARKS = new RegExp(`${MARK}(\\d+)!`);
/** Base64 text that is worth being written by itself, in bytes. */
const LARGE = 64 * 1024;
/** Room for what is told behind a picture, such as tokens. Its provider's words are in its reply's length. */
const BEHIND = 2048;

/** Stands for the base64 of a result's picture. JSON and markdown leave it as it is. */
export function base64At(index: number): string {
  return `${MARK}${index}!`;
}

/**
 * The text that `build` makes, with its pictures. What their provider tells of one that is still arriving may come
 * behind it: so the text is built once more then, and has to be the same up to the picture.
 */
export function filled<T extends Filling<T>>(result: T, build: (result: T) => string): FilledText {
  const [texts, places] = cut(build(result));
  const images = places.map((index) => result.pictures[index]!.media);
  const isArriving = result.arrived !== undefined && images.length > 0;
  return {
    isLarge: images.some(({ stream, size = 0 }) => stream !== undefined || size > LARGE),
    most: [
      ...texts.map((text) => Buffer.byteLength(text)),
      ...images.map(mostBase64),
      isArriving ? BEHIND : 0,
    ]
      .reduce((sum, length) => sum === undefined || length === undefined ? undefined : sum + length, 0),
    async *[Symbol.asyncIterator]() {
      for (const [index, media] of images.entries()) {
        yield texts[index]!;
        yield { media, encoding: "base64" };
      }
      yield (isArriving ? cut(build(await result.arrived!))[0] : texts).at(-1)!;
    },
  };
}

/** The same in one string. */
export async function whole(text: FilledText): Promise<string> {
  let joined = "";
  for await (const part of text) joined += typeof part === "string" ? part : await part.media.base64();
  return joined;
}

/** What is between the marks, and which pictures they stand for. */
function cut(text: string): [texts: string[], places: number[]] {
  const pieces = text.split(MARKS);
  return [
    pieces.filter((_, index) => index % 2 === 0),
    pieces.filter((_, index) => index % 2 === 1).map(Number),
  ];
}

function mostBase64({ stream, size }: Media): number | undefined {
  if (stream) return stream.mostBase64;
  return size === undefined ? undefined : Math.ceil(size / 3) * 4;
}
