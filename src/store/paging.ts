/**
 * Listings by time, newest first: cursors, and searches that read a table in windows. A call of SQLite blocks the
 * process, so nothing may read all of a large table in one statement.
 */
import { setImmediate as othersFirst } from "node:timers/promises";
import { z } from "zod";
import { Failed } from "../core/failure.ts";

/** The place of a row in a listing by time. */
export interface Position {
  /** In ms since the epoch. */
  time: number;
  /** Tells rows of one moment apart. */
  id: string;
}

/** One page of a listing. */
export interface Page<T> {
  data: T[];
  /** Where the next page starts; absent on the last one. */
  next?: string;
}

const MAX_SEARCH_CHARACTERS = 200;
const BASE64URL = { alphabet: "base64url", omitPadding: true } as const;
const CURSOR = z.tuple([z.number(), z.string()]);

/** A place as text that can stand in an address. */
export function writeCursor({ time, id }: Position): string {
  return new TextEncoder().encode(JSON.stringify([time, id])).toBase64(BASE64URL);
}

/** What `writeCursor()` wrote. @throws Failed (`invalid_request`) if it is no cursor. */
export function readCursor(cursor: string): Position {
  try {
    const bytes = Uint8Array.fromBase64(cursor, BASE64URL);
    const [time, id] = CURSOR.parse(JSON.parse(new TextDecoder().decode(bytes)));
    return { time, id };
  } catch (cause) {
    throw new Failed({
      kind: "invalid_request",
      message: "Cannot list: 'after' must be the 'next' of a page before",
      param: "after",
    }, cause);
  }
}

/** How a table is searched. */
export interface Windows<Row> {
  /** Where to start; absent = at the newest. */
  after?: Position;
  /** How many rows are wanted. */
  limit: number;
  signal?: AbortSignal;
  /** The place of the last row of the window that begins behind `after`; `undefined` if it reaches the end. */
  endOf: (after: Position | undefined) => Promise<Position | undefined>;
  /** At most `limit` rows that fit, from behind `after` up to and with `end`. */
  read: (limit: number, after: Position | undefined, end: Position | undefined) => Promise<Row[]>;
}

/** Reads window after window until enough is found, and lets other work run between two. @throws the signal's reason */
export async function searchWindows<Row>(
  { after, limit, signal, endOf, read }: Windows<Row>,
): Promise<Row[]> {
  const found: Row[] = [];
  while (true) {
    signal?.throwIfAborted();
    const end = await endOf(after);
    found.push(...await read(limit - found.length, after, end));
    if (!end || found.length >= limit) return found;
    after = end;
    await othersFirst();
  }
}

/** Cuts rows to a page; one more than `limit` tells that there is another. */
export function toPage<Row, T>(
  rows: Row[],
  { limit, positionOf, read }: { limit: number; positionOf: (row: Row) => Position; read: (row: Row) => T },
): Page<T> {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    data: page.map(read),
    next: last && rows.length > limit ? writeCursor(positionOf(last)) : undefined,
  };
}

/** A pattern for `like … escape '!'` that finds a text anywhere, its wildcards meaning themselves. */
export function anywhere(text: string): string {
  return `%${text.slice(0, MAX_SEARCH_CHARACTERS).toWellFormed().replace(/[!%_]/g, "!$&")}%`;
}
