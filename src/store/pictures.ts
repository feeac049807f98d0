/**
 * The index of stored pictures: what the gallery lists and searches, and what is still to be uploaded. Built for a
 * million rows: every listing walks an index, and what can't is done in windows, because SQLite blocks the process.
 */
import { setImmediate as othersFirst } from "node:timers/promises";
import { type Expression, type ExpressionBuilder, sql, type SqlBool } from "kysely";
import { chunks } from "./chunks.ts";
import type { Database } from "./database.ts";
import { anywhere, type Page, type Position, readCursor, searchWindows, toPage } from "./paging.ts";
import { foldCase, type PictureRecord, toPicture, toPictureRow } from "./picture_record.ts";
import type { PictureTable, Schema } from "./schema.ts";

/** What to list. All conditions must hold. */
export interface PictureFilter {
  provider?: string;
  model?: string;
  client?: string;
  task?: string;
  /** In ms since the epoch, included. */
  from?: number;
  /** In ms since the epoch, not included. */
  to?: number;
  /** Looked for in prompt and revised prompt; letter case does not matter, in any script. */
  q?: string;
  /** 1–500, default 50. */
  limit?: number;
  /** `next` of the page before. */
  after?: string;
  signal?: AbortSignal;
}

/** How many pictures there are, of them with a file in the folder, and the bytes of all. */
export interface PictureTotals {
  count: number;
  bytes: number;
  onDisk: number;
}

/** The index of stored pictures. */
export type PictureStore = ReturnType<typeof createPictureStore>;

const MAX_LIMIT = 500;
/** How many rows a search reads before it lets other work run. */
const SEARCH_WINDOW = 500;
/** How many entries of an index are added up before other work runs. */
const TOTALS_WINDOW = 20_000;
const NAMES_A_STATEMENT = 500;
/** Rows have 21 values, and SQLite takes 32766 a statement. */
const ROWS_A_STATEMENT = 200;
/** Those that an index answers; the more selective come first. */
const EQUALITIES = ["client", "model", "provider", "task"] as const;

type Where = ExpressionBuilder<Schema, "pictures">;
type Condition = Expression<SqlBool>;

/** Makes the index over an open database. */
export function createPictureStore(db: Database) {
  const newestFirst = (where: (eb: Where) => Condition[]) =>
    db.selectFrom("pictures").where((eb) => eb.and(where(eb)))
      .orderBy("time", "desc").orderBy("name", "desc");

  /** Rows by the one condition that an index answers. */
  function walk(filter: PictureFilter, limit: number, after?: Position): Promise<PictureTable[]> {
    return newestFirst((eb) => narrow(eb, filter, after)).selectAll().limit(limit).execute();
  }

  /** Rows by several conditions: in windows along the index of one of them, all others tried row after row. */
  function search(filter: PictureFilter, limit: number, after?: Position): Promise<PictureTable[]> {
    return searchWindows({
      after,
      limit,
      signal: filter.signal,
      endOf: async (start) => {
        const row = await newestFirst((eb) => narrow(eb, filter, start)).select(["time", "name"])
          .limit(1).offset(SEARCH_WINDOW - 1).executeTakeFirst();
        return row && { time: row.time, id: row.name };
      },
      read: (most, start, end) => {
        // The limit inside keeps the database from choosing another index for the conditions outside. It leaves
        // room for rows that came after the end was looked up.
        const window = newestFirst((
          eb,
        ) => [...narrow(eb, filter, start), ...end ? [beyond(eb, ">=", end)] : []])
          .select(["name", "search", ...EQUALITIES]).limit(2 * SEARCH_WINDOW);
        return db.selectFrom("pictures").selectAll()
          .where(
            "name",
            "in",
            (eb) =>
              eb.selectFrom(window.as("pictures")).select("name").where((inner) =>
                inner.and(wide(inner, filter))
              ),
          )
          .orderBy("time", "desc").orderBy("name", "desc").limit(most).execute();
      },
    });
  }

  async function insert(records: readonly PictureRecord[]): Promise<number> {
    let added = 0;
    for (const chunk of chunks(records, ROWS_A_STATEMENT)) {
      const { numInsertedOrUpdatedRows = 0n } = await db.insertInto("pictures").values(
        chunk.map(toPictureRow),
      )
        .onConflict((conflict) => conflict.column("name").doNothing()).executeTakeFirstOrThrow();
      added += Number(numInsertedOrUpdatedRows);
    }
    return added;
  }

  const pendingUploads = () =>
    db.selectFrom("pictures")
      // A literal, since the index holds these rows alone, and a parameter could be anything.
      .where((eb) => eb("upload_wanted", "=", eb.lit(1))).where("object", "is", null)
      // Without its hash nobody knows whether its bytes are in the bucket already.
      .where("on_disk", "=", 1).where("hash", "<>", "");

  return {
    /** Notes a picture. One of that name is replaced; the object it is already in stays. */
    async add(record: PictureRecord): Promise<void> {
      const { name, object, ...rest } = toPictureRow(record);
      await db.insertInto("pictures").values({ name, object, ...rest })
        .onConflict((conflict) =>
          conflict.column("name").doUpdateSet(object === null ? rest : { object, ...rest })
        )
        .execute();
    },

    /** Notes pictures of which nothing is known yet, leaves others as they are, and gives how many it noted. */
    addMissing: insert,

    /** One picture, or `undefined` if there is none of that name. */
    async get(name: string): Promise<PictureRecord | undefined> {
      const row = await db.selectFrom("pictures").selectAll().where("name", "=", name).executeTakeFirst();
      return row && toPicture(row);
    },

    /** A picture with these bytes, first of all one whose file is on disk. @param hash SHA-256 in hex */
    async byHash(hash: string): Promise<PictureRecord | undefined> {
      if (hash === "") return undefined;
      const row = await db.selectFrom("pictures").selectAll().where("hash", "=", hash)
        .orderBy("on_disk", "desc").orderBy("time").limit(1).executeTakeFirst();
      return row && toPicture(row);
    },

    /** Pictures whose hash is not known yet, oldest first. */
    async unfiled(limit: number): Promise<PictureRecord[]> {
      const rows = await db.selectFrom("pictures").selectAll()
        .where("hash", "=", sql.lit("")).where("on_disk", "=", sql.lit(1))
        .orderBy("time").orderBy("name").limit(limit).execute();
      return rows.map(toPicture);
    },

    /** Notes the hash of a picture. */
    async filed(name: string, hash: string): Promise<void> {
      await db.updateTable("pictures").set({ hash }).where("name", "=", name).execute();
    },

    /** The pictures that a request made, in the order in which they were kept. */
    async ofRequest(requestId: string): Promise<PictureRecord[]> {
      const rows = await db.selectFrom("pictures").selectAll().where("request_id", "=", requestId)
        .orderBy("time").orderBy("name").limit(MAX_LIMIT).execute();
      return rows.map(toPicture);
    },

    /**
     * A page of pictures, newest first.
     * @throws Failed (`invalid_request`) if `after` is no cursor. @throws the signal's reason when it aborts.
     */
    async list(filter: PictureFilter = {}): Promise<Page<PictureRecord>> {
      const limit = Math.min(Math.max(Math.trunc(filter.limit ?? 50), 1), MAX_LIMIT);
      const after = filter.after === undefined ? undefined : readCursor(filter.after);
      const given = EQUALITIES.filter((column) => filter[column] !== undefined);
      const find = filter.q || given.length > 1 ? search : walk;
      // One row more than asked for tells whether there is another page.
      const found = await find(filter, limit + 1, after);
      return toPage(found, { limit, positionOf: ({ time, name }) => ({ time, id: name }), read: toPicture });
    },

    /** Forgets pictures, and gives what was known of those that were there. */
    async remove(names: readonly string[]): Promise<PictureRecord[]> {
      const removed: PictureRecord[] = [];
      for (const chunk of chunks(names, NAMES_A_STATEMENT)) {
        const rows = await db.deleteFrom("pictures").where("name", "in", chunk).returningAll().execute();
        removed.push(...rows.map(toPicture));
      }
      return removed;
    },

    /** The object of the bucket that holds these bytes, if one does. @param hash SHA-256 in hex */
    async objectOf(hash: string): Promise<string | undefined> {
      const row = await db.selectFrom("pictures").select("object")
        .where("hash", "=", hash).where("object", "is not", null).limit(1).executeTakeFirst();
      return row?.object ?? undefined;
    },

    /** Pictures that are to be in the bucket and are not, oldest first; those without a file can't be brought there. */
    async pendingUploads(limit: number): Promise<PictureRecord[]> {
      const rows = await pendingUploads().selectAll().orderBy("time").orderBy("name").limit(limit).execute();
      return rows.map(toPicture);
    },

    /** How many of them there are. */
    async countPendingUploads(): Promise<number> {
      const { count } = await pendingUploads().select((eb) => eb.fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      return Number(count);
    },

    /** Notes that the bucket holds a picture, in the object of this name. */
    async uploaded(name: string, object: string): Promise<void> {
      await db.updateTable("pictures").set({ object }).where("name", "=", name).execute();
    },

    /** Notes that the file of a picture is gone, while the bucket has it. */
    async movedFromDisk(name: string): Promise<void> {
      await db.updateTable("pictures").set({ on_disk: 0 }).where("name", "=", name).execute();
    },

    /** Notes of several pictures whether their files are in the folder, and gives how many were noted otherwise. */
    async setOnDisk(names: readonly string[], onDisk: boolean): Promise<number> {
      let corrected = 0;
      const [is, was] = onDisk ? [1, 0] : [0, 1];
      for (const chunk of chunks(names, NAMES_A_STATEMENT)) {
        const { numUpdatedRows } = await db.updateTable("pictures").set({ on_disk: is })
          .where("name", "in", chunk).where("on_disk", "=", was).executeTakeFirst();
        corrected += Number(numUpdatedRows);
      }
      return corrected;
    },

    /** How many pictures share an object of the bucket. */
    async sharers(object: string): Promise<number> {
      const { count } = await db.selectFrom("pictures").select((eb) => eb.fn.countAll<number>().as("count"))
        .where("object", "=", object).executeTakeFirstOrThrow();
      return Number(count);
    },

    /** How much there is. Bytes that several pictures share count for each. */
    async totals(signal?: AbortSignal): Promise<PictureTotals> {
      const totals = { count: 0, bytes: 0, onDisk: 0 };
      let after: Position | undefined;
      while (true) {
        signal?.throwIfAborted();
        const next = db.selectFrom("pictures").select(["time", "name", "bytes", "on_disk"])
          .$if(after !== undefined, (query) => query.where((eb) => beyond(eb, ">", after!)))
          .orderBy("time").orderBy("name").limit(TOTALS_WINDOW);
        const { count, bytes, onDisk } = await db.selectFrom(next.as("next"))
          .select((eb) => [
            eb.fn.countAll<number>().as("count"),
            eb.fn.sum<number | null>("bytes").as("bytes"),
            eb.fn.sum<number | null>("on_disk").as("onDisk"),
          ]).executeTakeFirstOrThrow();
        totals.count += Number(count);
        totals.bytes += Number(bytes ?? 0);
        totals.onDisk += Number(onDisk ?? 0);
        if (Number(count) < TOTALS_WINDOW) return totals;
        const last = await next.offset(TOTALS_WINDOW - 1).limit(1).executeTakeFirst();
        if (!last) return totals;
        after = { time: last.time, id: last.name };
        await othersFirst();
      }
    },

    /** The oldest pictures. @param before only those made earlier, in ms since the epoch */
    async oldest(limit: number, before = Number.MAX_SAFE_INTEGER): Promise<PictureRecord[]> {
      const rows = await db.selectFrom("pictures").selectAll().where("time", "<", before)
        .orderBy("time").orderBy("name").limit(limit).execute();
      return rows.map(toPicture);
    },

    /** What is known of those of these names that are noted at all: whether their files are there. */
    async onDisk(names: readonly string[]): Promise<Map<string, boolean>> {
      const known = new Map<string, boolean>();
      for (const chunk of chunks(names, NAMES_A_STATEMENT)) {
        const rows = await db.selectFrom("pictures").select(["name", "on_disk"]).where("name", "in", chunk)
          .execute();
        for (const { name, on_disk } of rows) known.set(name, on_disk === 1);
      }
      return known;
    },

    /** Names in their own order, from behind `after`, and where each picture is said to be. */
    async names(limit: number, after = ""): Promise<{ name: string; onDisk: boolean; object?: string }[]> {
      const rows = await db.selectFrom("pictures").select(["name", "on_disk", "object"])
        .where("name", ">", after).orderBy("name").limit(limit).execute();
      return rows.map(({ name, on_disk, object }) => ({
        name,
        onDisk: on_disk === 1,
        object: object ?? undefined,
      }));
    },
  };
}

/** Conditions that an index answers: a stretch of time, and one equality at most. */
function narrow(eb: Where, filter: PictureFilter, after?: Position): Condition[] {
  const { from, to } = filter;
  const all: Condition[] = [];
  const leading = EQUALITIES.find((column) => filter[column] !== undefined);
  if (leading) all.push(eb(leading, "=", filter[leading]!));
  if (from !== undefined) all.push(eb("time", ">=", from));
  if (to !== undefined) all.push(eb("time", "<", to));
  if (after) all.push(beyond(eb, "<", after));
  return all;
}

/** Conditions that are tried on row after row. */
function wide(eb: Where, filter: PictureFilter): Condition[] {
  const all: Condition[] = [];
  for (const column of EQUALITIES) {
    if (filter[column] !== undefined) all.push(eb(column, "=", filter[column]));
  }
  if (filter.q) all.push(sql<SqlBool>`${eb.ref("search")} like ${anywhere(foldCase(filter.q))} escape '!'`);
  return all;
}

function beyond(eb: Where, operator: "<" | ">" | ">=", { time, id }: Position): Condition {
  return eb(eb.refTuple("time", "name"), operator, eb.tuple(time, id));
}
