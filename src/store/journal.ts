/**
 * The journal of jobs that providers took on: from then on they may cost money, so that a crash must not
 * forget them. A job stands in it until its request has ended.
 */
import { type Clock, systemClock } from "../core/clock.ts";
import type { Database } from "./database.ts";

/** A job as it is known at its provider, and with which key it can be asked for. */
export interface JournalEntry {
  requestId: string;
  ticketId: string;
  /** Where to ask for its state, if the provider named an address. */
  ticketUrl?: string;
  provider: string;
  model: string;
  /** Of the pool's key; `caller` for one that a caller brought, which is not kept. */
  keyId: string;
  baseUrl: string;
  /** In ms since the epoch. */
  acceptedAt: number;
}

/** The journal. */
export type Journal = ReturnType<typeof createJournal>;

/** Makes the journal over an open database. */
export function createJournal(db: Database, { clock = systemClock }: { clock?: Clock } = {}) {
  return {
    /** Notes a job. */
    async accepted(entry: Omit<JournalEntry, "acceptedAt">): Promise<void> {
      const { requestId, ticketId, ticketUrl, provider, model, keyId, baseUrl } = entry;
      await db.insertInto("journal").values({
        request_id: requestId,
        ticket_id: ticketId,
        ticket_url: ticketUrl ?? null,
        provider,
        model,
        key_id: keyId,
        base_url: baseUrl,
        accepted_at: clock.now(),
      }).onConflict((conflict) => conflict.doNothing()).execute();
    },

    /** Takes out the jobs of a request that ended. */
    async ended(requestId: string): Promise<void> {
      await db.deleteFrom("journal").where("request_id", "=", requestId).execute();
    },

    /** Jobs of requests that have not ended, oldest first. */
    async open(): Promise<JournalEntry[]> {
      const rows = await db.selectFrom("journal").selectAll().orderBy("accepted_at").execute();
      return rows.map((row) => ({
        requestId: row.request_id,
        ticketId: row.ticket_id,
        ticketUrl: row.ticket_url ?? undefined,
        provider: row.provider,
        model: row.model,
        keyId: row.key_id,
        baseUrl: row.base_url,
        acceptedAt: row.accepted_at,
      }));
    },
  };
}
