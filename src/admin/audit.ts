/** The trail of what admins changed: who, when and what, never a secret. */
import { sql, type SqlBool } from "kysely";
import { z } from "zod";
import { type Clock, systemClock } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import { redactRecord } from "../log/redact.ts";
import type { Database } from "../store/database.ts";

/** One change, as it is reported. */
export interface AuditEntry {
  /** What was done, such as `settings.change` or `keys.delete`. */
  action: string;
  /** What it was done to: an id, a name, a path. */
  target: string;
  /** More about it; fields that name a secret, and texts that look like one, are taken out. */
  detail?: Record<string, unknown>;
  /** Who did it: the name of a session or token. */
  who: string;
}

/** One change, as it is remembered. */
export interface AuditRecord extends Required<AuditEntry> {
  id: string;
  /** In ms since the epoch. */
  time: number;
}

/** What to list. */
export interface AuditFilter {
  /** 1–200. @default 50 */
  limit?: number;
  /** `next` of the page before. */
  after?: string;
  /** Looked for in action, target and who. */
  q?: string;
}

/** The audit trail. */
export type Audit = ReturnType<typeof createAudit>;

const Detail = z.record(z.string(), z.unknown());
const CURSOR = /^(\d{1,15})-([\w-]{1,64})$/;

/** Makes the audit trail over an open database. */
export function createAudit(db: Database, { clock = systemClock }: { clock?: Clock } = {}) {
  let latest = 0;
  return {
    /** Notes a change. */
    async write({ action, target, detail = {}, who }: AuditEntry): Promise<void> {
      const { message, fields } = redactRecord([target], detail);
      // Two changes within one ms would otherwise be listed in any order.
      latest = Math.max(latest + 1, clock.now());
      await db.insertInto("audit").values({
        id: crypto.randomUUID(),
        time: latest,
        who,
        action,
        target: message,
        detail: JSON.stringify(fields),
      }).execute();
    },

    /** A page of changes, newest first. @throws Failed (`invalid_request`) if `after` is no cursor */
    async list({ limit = 50, after, q }: AuditFilter = {}): Promise<{ data: AuditRecord[]; next?: string }> {
      const position = after === undefined ? undefined : readCursor(after);
      const pattern = q && `%${q.replace(/[!%_]/g, "!$&")}%`;
      const rows = await db.selectFrom("audit").selectAll()
        .$if(
          position !== undefined,
          (query) =>
            query.where((eb) => eb(eb.refTuple("time", "id"), "<", eb.tuple(position!.time, position!.id))),
        )
        .$if(
          Boolean(pattern),
          (query) =>
            query.where((eb) =>
              eb.or(
                (["action", "target", "who"] as const).map((column) =>
                  sql<SqlBool>`lower(${eb.ref(column)}) like lower(${pattern}) escape '!'`
                ),
              )
            ),
        )
        .orderBy("time", "desc").orderBy("id", "desc").limit(limit + 1).execute();
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return {
        data: page.map(({ detail, ...row }) => ({ ...row, detail: Detail.parse(JSON.parse(detail)) })),
        next: rows.length > limit && last ? `${last.time}-${last.id}` : undefined,
      };
    },

    /** Forgets what is older than `olderThan` (ms since the epoch). */
    async prune(olderThan: number): Promise<void> {
      await db.deleteFrom("audit").where("time", "<", olderThan).execute();
    },
  };
}

function readCursor(cursor: string): { time: number; id: string } {
  const [, time, id] = CURSOR.exec(cursor) ?? [];
  if (time !== undefined && id !== undefined) return { time: Number(time), id };
  throw new Failed({
    kind: "invalid_request",
    message: "Cannot list: 'after' must be the 'next' of a page before",
    param: "after",
  });
}
