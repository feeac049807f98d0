/**
 * Server-sent events of which some carry megabytes in one text, as base64 does. Each is read as JSON is in
 * `long_json.ts`: the text is handed out as it comes.
 */
import { createParser } from "eventsource-parser";
import { asciiText } from "../core/ascii.ts";
import { type Piece, type Pieces, piecesOf } from "../core/buffers.ts";
import { type LongReply, readLong } from "./long_json.ts";

/**
 * Hands the data of each event to `onData` as it comes, until there are no more, or one comes whose long text is
 * wanted, going by what stands before that. Gives the latter; what follows its text are all events that are left.
 * @param onData gets a long text apart from the data, in which it is empty then
 */
export async function readLongEvents(
  { body }: Response,
  onData: (data: string, long?: string) => void,
  isWanted: (head: string) => boolean,
): Promise<LongReply | undefined> {
  const events = new Events(piecesOf(body!));
  try {
    for (let event = await events.next(); event; event = await events.next()) {
      const reply = await readLong(event);
      if ("pieces" in reply && isWanted(reply.head)) {
        events.endTogether();
        return reply;
      }
      if ("text" in reply) { for (const data of dataIn(reply.text)) onData(data); }
      else {
        const long = await textOf(reply.pieces);
        for (const data of dataIn(reply.head + await reply.tail)) onData(data, long);
      }
    }
  } catch (error) {
    events.cancel(error);
    throw error;
  }
}

async function textOf(pieces: Pieces): Promise<string> {
  let text = "";
  for (let piece = await pieces.next(); piece; piece = await pieces.next()) {
    text += asciiText(piece.bytes);
    piece.release();
  }
  return text;
}

/** The data of the events in a text. `[DONE]` is none. */
export function dataIn(text: string): string[] {
  const all: string[] = [];
  const parser = createParser({ onEvent: ({ data }) => void (data !== "[DONE]" && all.push(data)) });
  parser.feed(text);
  return all;
}

/** Cuts a body behind the blank line that ends each event. */
class Events {
  /** What follows the end of an event in the same piece. */
  #next?: Piece;
  /** Whether the line that is being read has nothing in it yet. */
  #isBlank = true;
  #endTogether = false;

  constructor(private readonly source: Pieces) {}

  /** The pieces of one event, once those of the event before have been read to their end. */
  async next(): Promise<Pieces | undefined> {
    this.#next ??= await this.source.next();
    if (!this.#next) return undefined;
    let isOver = false;
    return {
      next: async () => {
        if (isOver && !this.#endTogether) return undefined;
        const piece = this.#next ?? await this.source.next();
        this.#next = undefined;
        if (!piece || this.#endTogether) return piece;
        const end = this.#endIn(piece);
        if (end === undefined) return piece;
        isOver = true;
        if (end === piece.bytes.length) return piece;
        this.#next = piece.retain().part(end);
        return piece.part(0, end);
      },
      cancel: (reason) => this.cancel(reason),
    };
  }

  /** The event that is being read goes on to the end of the body. */
  endTogether(): void {
    this.#endTogether = true;
  }

  cancel(reason?: unknown): void {
    this.#next?.release();
    this.#next = undefined;
    this.source.cancel(reason);
  }

  /** Where a blank line ends in a piece. */
  #endIn({ bytes, plainLength }: Piece): number | undefined {
    // Base64 has no line breaks, and is most of what comes.
    if (plainLength > 0) this.#isBlank = false;
    if (plainLength === bytes.length) return undefined;
    const text = asciiText(bytes.subarray(plainLength));
    for (let at = 0; at < text.length;) {
      const newline = text.indexOf("\n", at);
      const line = text.slice(at, newline < 0 ? undefined : newline);
      const isBlank = this.#isBlank && (line === "" || line === "\r");
      this.#isBlank = newline >= 0 || isBlank;
      if (newline < 0) return undefined;
      if (isBlank) return plainLength + newline + 1;
      at = newline + 1;
    }
  }
}
