/** Lists, shows and forgets what the history holds, a page or a piece at a time. */
import { setImmediate as othersFirst } from "node:timers/promises";
import { type ExpressionBuilder, type ExpressionWrapper, sql, type SqlBool } from "kysely";
import { chunks } from "./chunks.ts";
import type { Database } from "./database.ts";
import { type AttemptRecord, type RequestRecord, toAttempt, toRequest } from "./history_record.ts";
import { anywhere, type Page, type Position, readCursor, searchWindows, toPage } from "./paging.ts";
import type { RequestTable, Schema } from "./schema.ts";

/** What to list. All conditions must hold. */
export interface HistoryFilter {
  /** Who delivered, or else was asked last. */
  provider?: string;
  /** As asked for, or as used. */
  model?: string;
  client?: string;
  /** One HTTP status, or a range with both ends included. */
  status?: number | { from: number; to: number };
  /** Only those that failed, or only those that did not, whatever the status: a stream may fail after its 200. */
  failed?: boolean;
  /** In ms since the epoch, included. */
  from?: number;
  /** In ms since the epoch, not included. */
  to?: number;
  /** Looked for in prompt, id, models, client and error; letter case does not matter. */
  q?: string;
  /** 1–500, default 50. */
  limit?: number;
  /** `next` of the page before. */
  after?: string;
  signal?: AbortSignal;
}

/** One page, newest first. */
export type HistoryPage = Page<RequestRecord>;

const MAX_LIMIT = 500;
/** How many rows a search reads before it lets other work run: calls of SQLite block the process. */
const SEARCH_WINDOW = 1000;
const PRUNE_CHUNK = 500;
const IDS_A_STATEMENT = 500;

type Where = ExpressionBuilder<Schema, "requests">;
type Condition = ExpressionWrapper<Schema, "requests", SqlBool>;

/** The reading half of the history. */
export function createHistoryReader(db: Database) {
  /** The place of the last row that a search from `after` reads in one go, or `undefined` if it reaches the end. */
  async function windowEnd(filter: HistoryFilter, after?: Position): Promise<Position | undefined> {
    return await db.selectFrom("requests").select(["time", "id"])
      .where((eb) => eb.and(narrow(eb, filter, after)))
      .orderBy("time", "desc").orderBy("id", "desc")
      .limit(1).offset(SEARCH_WINDOW - 1).executeTakeFirst();
  }

  function rows(filter: HistoryFilter, limit: number, after?: Position, end?: Position) {
    return db.selectFrom("requests").selectAll()
      .where((eb) => eb.and([...narrow(eb, filter, after), ...wide(eb, filter)]))
      .$if(end !== undefined, (query) => query.where((eb) => beyond(eb, ">=", end!)))
      .orderBy("time", "desc").orderBy("id", "desc").limit(limit);
  }

  async function read(filter: HistoryFilter, limit: number, after?: Position, end?: Position) {
    const { model } = filter;
    if (model === undefined) return await rows(filter, limit, after, end).execute();
    // Each half walks its own index and stops early; one query with OR would sort all that ever matched.
    const half = (column: "model" | "used_model") =>
      db.selectFrom(rows(filter, limit, after, end).where(column, "=", model).as("half")).selectAll();
    return await db.selectFrom(half("model").union(half("used_model")).as("either")).selectAll()
      .orderBy("time", "desc").orderBy("id", "desc").limit(limit).execute();
  }

  function search(filter: HistoryFilter, limit: number, after?: Position): Promise<RequestTable[]> {
    return searchWindows({
      after,
      limit,
      signal: filter.signal,
      endOf: (start) => windowEnd(filter, start),
      read: (most, start, end) => read(filter, most, start, end),
    });
  }

  return {
    /**
     * A page of requests, newest first.
     * @throws Failed (`invalid_request`) if `after` is no cursor. @throws the signal's reason when it aborts.
     */
    async list(filter: HistoryFilter = {}): Promise<HistoryPage> {
      const limit = Math.min(Math.max(Math.trunc(filter.limit ?? 50), 1), MAX_LIMIT);
      const after = filter.after === undefined ? undefined : readCursor(filter.after);
      // One row more than asked for tells whether there is another page.
      const look = filter.q || typeof filter.status === "object" ? search : read;
      const found = await look(filter, limit + 1, after);
      return toPage(found, { limit, positionOf: (row) => row, read: toRequest });
    },

    /** One request with its attempts in order, or `undefined` if there is none with this id. */
    async get(id: string): Promise<RequestRecord & { attempts: AttemptRecord[] } | undefined> {
      const row = await db.selectFrom("requests").selectAll().where("id", "=", id).executeTakeFirst();
      if (!row) return undefined;
      const attempts = await db.selectFrom("attempts").selectAll()
        .where("request_id", "=", id).orderBy("position").execute();
      return { ...toRequest(row), attempts: attempts.map(toAttempt) };
    },

    /** The attempts of several requests, in order, by the id of the request. */
    async attemptsOf(ids: readonly string[]): Promise<Map<string, AttemptRecord[]>> {
      const attempts = new Map<string, AttemptRecord[]>(ids.map((id) => [id, []]));
      for (const chunk of chunks(ids, IDS_A_STATEMENT)) {
        const rows = await db.selectFrom("attempts").selectAll().where("request_id", "in", chunk)
          .orderBy("request_id").orderBy("position").execute();
        for (const row of rows) attempts.get(row.request_id)?.push(toAttempt(row));
      }
      return attempts;
    },

    /** Forgets all requests from before `olderThan` (ms since the epoch) and gives how many there were. */
    async prune(olderThan: number, signal?: AbortSignal): Promise<number> {
      let removed = 0;
      while (true) {
        signal?.throwIfAborted();
        const { numDeletedRows } = await db.deleteFrom("requests")
          .where("id", "in", (eb) => oldest(eb, olderThan))
          .executeTakeFirst();
        removed += Number(numDeletedRows);
        if (numDeletedRows < PRUNE_CHUNK) return removed;
        await othersFirst();
      }
    },
  };
}

function oldest(eb: Where, olderThan: number) {
  return eb.selectFrom("requests").select("id").where("time", "<", olderThan).orderBy("time").limit(
    PRUNE_CHUNK,
  );
}

/** Conditions that an index answers. */
function narrow(
  eb: Where,
  { provider, client, status, failed, from, to }: HistoryFilter,
  after?: Position,
): Condition[] {
  const all: Condition[] = [];
  if (provider !== undefined) all.push(eb("provider", "=", provider));
  if (client !== undefined) all.push(eb("client", "=", client));
  if (typeof status === "number") all.push(eb("status", "=", status));
  // A literal, since the index holds these rows alone, and a parameter could be anything.
  if (failed !== undefined) all.push(eb("outcome", failed ? "<>" : "=", sql.lit("ok")));
  if (from !== undefined) all.push(eb("time", ">=", from));
  if (to !== undefined) all.push(eb("time", "<", to));
  if (after) all.push(beyond(eb, "<", after));
  return all;
}

/** Conditions that are tried on row after row. */
function wide(eb: Where, { status, q }: HistoryFilter): Condition[] {
  const all: Condition[] = [];
  if (typeof status === "object") all.push(eb.between("status", status.from, status.to));
  if (q) all.push(contains(eb, q));
  return all;
}

function beyond(eb: Where, operator: "<" | ">=", { time, id }: Position) {
  return eb(eb.refTuple("time", "id"), operator, eb.tuple(time, id));
}

/** `lower()` on both sides, because LIKE minds the letter case in PostgreSQL and not in SQLite. */
function contains(eb: Where, search: string) {
  const pattern = anywhere(search);
  return eb.or(
    (["prompt", "id", "model", "used_model", "client", "error"] as const).map((column) =>
      sql<SqlBool>`lower(${eb.ref(column)}) like lower(${pattern}) escape '!'`
    ),
  );
}
