/**
 * Replies that carry megabytes in one JSON text, as base64 does. The text is not read along with the rest: it
 * is handed out as it comes, and what stands around it is read as JSON when it has ended.
 */
import { Failed } from "../core/failure.ts";
import { asciiBytes, asciiText, joined } from "../core/ascii.ts";
import { plainLength } from "../core/base64_kernel.ts";
import { Piece, type Pieces, piecesOf } from "../core/buffers.ts";

/** A reply that was read to its end. */
export interface ShortReply {
  text: string;
}

/** A reply in which a long text began. */
export interface LongReply {
  /** What came before the text, its opening quote included. */
  head: string;
  /** How long the text and all that follows it is, in bytes, where the reply said so. */
  most?: number;
  /** The text itself, without quotes and escapes. Fails where the reply breaks off in it. */
  pieces: Pieces;
  /** What follows the text, beginning with its closing quote; known once `pieces` has ended. */
  tail: Promise<string>;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
/** Texts that are shorter are not worth the trouble. */
const LONG = 64 * 1024;
/** Most replies begin to tell of their image in so many bytes. */
const FIRST_LOOK = 2048;
/** More than any picture that a client could be told of in one reply. */
const MAX_BYTES = 256 * 1024 * 1024;

/** Reads a reply until it ends or a long text begins in it. @throws Failed for one without end */
export async function readLongJson(response: Response): Promise<ShortReply | LongReply> {
  const { body } = response;
  const total = lengthOf(response);
  if (!body || (total ?? Infinity) <= LONG) return { text: await response.text() };
  return await readLong(piecesOf(body), total);
}

/** Reads pieces as such a reply. @param total their length in bytes, where it is known */
export async function readLong(pieces: Pieces, total?: number): Promise<ShortReply | LongReply> {
  const seen: Piece[] = [];
  try {
    let length = 0;
    // What is not known yet to belong to a short text, and where it begins.
    let text = "";
    let start = 0;
    for (;;) {
      const piece = await pieces.next();
      if (!piece) return { text: textOf(joined(seen.map(({ bytes }) => bytes))) };
      seen.push(piece);
      length += piece.bytes.length;
      if (length > MAX_BYTES) throw endless();
      const early = text === "" ? findEarly(piece.bytes) : undefined;
      const { opening, scanned } = early ?? findLong(text += asciiText(piece.bytes));
      if (opening !== undefined) {
        const first = start + opening + 1;
        return longReply(takeHead(seen, first), seen.splice(0), pieces, total && total - first);
      }
      text = text.slice(scanned);
      start += scanned;
    }
  } catch (error) {
    pieces.cancel(error);
    throw error;
  } finally {
    for (const piece of seen) piece.release();
  }
}

/** Takes the first `length` bytes off the pieces. */
function takeHead(pieces: Piece[], length: number): Uint8Array {
  const head: Uint8Array[] = [];
  for (let left = length; left > 0;) {
    const piece = pieces.shift()!;
    head.push(piece.bytes.slice(0, left));
    if (piece.bytes.length > left) pieces.unshift(piece.part(left));
    else piece.release();
    left -= head.at(-1)!.length;
  }
  return joined(head);
}

/** Looks for a long text of plain base64 that begins early in a piece, as most do; saves a string of all of it. */
function findEarly(bytes: Uint8Array): ReturnType<typeof findLong> | undefined {
  const { scanned } = findLong(asciiText(bytes.subarray(0, FIRST_LOOK)));
  const isLong = bytes[scanned] === QUOTE &&
    plainLength(bytes.subarray(scanned + 1, scanned + 2 + LONG)) > LONG;
  return isLong ? { opening: scanned, scanned } : undefined;
}

/** Looks for a text whose end is further away than `LONG`; `scanned` is where to go on looking. */
function findLong(text: string): { opening?: number; scanned: number } {
  for (let at = 0;;) {
    const opening = text.indexOf('"', at);
    if (opening < 0) return { scanned: text.length };
    const closing = closingQuote(text, opening + 1);
    if ((closing < 0 ? text.length : closing) - opening > LONG) return { opening, scanned: opening };
    if (closing < 0) return { scanned: opening };
    at = closing + 1;
  }
}

function closingQuote(text: string, from: number): number {
  for (let at = from;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return -1;
    let backslashes = 0;
    while (quote - 1 - backslashes >= from && text[quote - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
}

/** Of a packed reply the length is that of the package. */
function lengthOf({ headers }: Response): number | undefined {
  return headers.has("content-encoding") ? undefined : Number(headers.get("content-length")) || undefined;
}

function longReply(head: Uint8Array, waiting: Piece[], source: Pieces, most?: number): LongReply {
  const tail = Promise.withResolvers<string>();
  tail.promise.catch(() => {});
  const after: Uint8Array[] = [];
  const unescape = new Unescaper();
  let ended = false;

  async function readTail(): Promise<void> {
    try {
      let size = 0;
      for (let piece = await source.next(); piece; piece = await source.next()) {
        after.push(piece.bytes.slice());
        size += piece.bytes.length;
        piece.release();
        if (size > MAX_BYTES) throw endless();
      }
      tail.resolve(textOf(joined(after)));
    } catch (error) {
      source.cancel(error);
      tail.reject(error);
    }
  }

  return {
    head: textOf(head),
    most,
    tail: tail.promise,
    pieces: {
      async next() {
        if (ended) return undefined;
        const piece = waiting.shift() ?? await source.next();
        if (!piece) throw brokeOff();
        const { text, end } = unescape.next(piece);
        if (end === undefined) return text;
        ended = true;
        after.push(end);
        for (const piece of waiting.splice(0)) {
          after.push(piece.bytes.slice());
          piece.release();
        }
        await readTail();
        if (text.bytes.length > 0) return text;
        text.release();
        return undefined;
      },
      cancel(reason) {
        ended = true;
        for (const piece of waiting.splice(0)) piece.release();
        tail.reject(reason);
        source.cancel(reason);
      },
    },
  };
}

/** A reply as if it had been read in one piece. @throws Failed where it breaks off */
export async function wholeText({ head, pieces, tail }: LongReply): Promise<string> {
  const parts: Uint8Array[] = [];
  for (let piece = await pieces.next(); piece; piece = await pieces.next()) {
    parts.push(piece.bytes.slice());
    piece.release();
  }
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(joined(parts));
  return head + JSON.stringify(text).slice(1, -1) + await tail;
}

/** The pieces of base64 text without the `data:image/png;base64,` that some resellers put before it. */
export function withoutDataPrefix(source: Pieces): Pieces {
  let isFirst = true;
  return {
    async next() {
      const piece = await source.next();
      if (!piece || !isFirst) return piece;
      isFirst = false;
      if (!textOf(piece.bytes.subarray(0, 5)).startsWith("data:")) return piece;
      return piece.part(piece.bytes.indexOf(COMMA) + 1);
    },
    cancel: (reason) => source.cancel(reason),
  };
}

/** An escape, two of them where only both are a character, or as much of it as is there. */
const ESCAPE =
  /\\(?:ud[89ab][\da-f]{2}(?:\\(?:ud[c-f][\da-f]{2}|(?:u[\da-f]{0,3})?$))?|u[\da-f]{0,4}|[^]?)/gi;
const UNFINISHED = /^\\(?:u[\da-f]{0,3}|ud[89ab][\da-f]{2}(?:\\(?:u[\da-f]{0,3})?)?)?$/i;

/** Finds the end of a text that comes in pieces, and undoes the escapes that some writers put into base64. */
class Unescaper {
  /** An escape that the last piece began. */
  #begun = "";

  /** The text of a piece; `end` are the bytes from the closing quote on. */
  next(piece: Piece): { text: Piece; end?: Uint8Array } {
    const { bytes } = piece;
    const special = this.#begun === "" ? firstSpecial(piece) : 0;
    if (special === undefined) return { text: piece };
    if (this.#begun === "" && bytes[special] === QUOTE) {
      return { end: bytes.slice(special), text: piece.part(0, special) };
    }
    return this.#unescape(piece);
  }

  #unescape(piece: Piece): { text: Piece; end?: Uint8Array } {
    const { bytes } = piece;
    const whole = this.#begun + asciiText(bytes);
    piece.release();
    const quote = closingQuote(whole, 0);
    const end = quote < 0 ? undefined : asciiBytes(whole.slice(quote));
    const escaped = quote < 0 ? whole : whole.slice(0, quote);
    this.#begun = "";
    const text = escaped.replace(ESCAPE, (escape, at: number) => {
      const isCut = !end && at + escape.length === escaped.length && UNFINISHED.test(escape);
      if (!isCut) return unescaped(escape);
      this.#begun = escape;
      return "";
    });
    return { text: new Piece(asciiBytes(text)), end };
  }
}

/** Where the first quote or escape is. */
function firstSpecial({ bytes, plainLength }: Piece): number | undefined {
  if (plainLength === bytes.length) return undefined;
  const found = asciiText(bytes.subarray(plainLength)).search(/["\\]/);
  return found < 0 ? undefined : plainLength + found;
}

const encoder = new TextEncoder();

/** What an escape stands for, as the bytes of UTF-8 in a string. @throws Failed for what JSON does not know */
function unescaped(escape: string): string {
  if (escape === "\\/") return "/";
  try {
    return asciiText(encoder.encode(JSON.parse(`"${escape}"`)));
  } catch {
    throw new Failed({ kind: "malformed_reply", message: "the image's text is not valid JSON" });
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function brokeOff(): Failed {
  return new Failed({ kind: "malformed_reply", message: "the reply broke off in the middle of an image" });
}

function endless(): Failed {
  return new Failed({ kind: "malformed_reply", message: `a reply of more than ${MAX_BYTES} bytes` });
}
