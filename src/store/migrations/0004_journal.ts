/** Makes the table of jobs that providers took on and that have not ended. */
import type { Kysely } from "kysely";

/** @see JournalTable */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable("journal")
    .addColumn("request_id", "text", (column) => column.notNull())
    .addColumn("ticket_id", "text", (column) => column.notNull())
    .addColumn("ticket_url", "text")
    .addColumn("provider", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("key_id", "text", (column) => column.notNull())
    .addColumn("base_url", "text", (column) => column.notNull())
    .addColumn("accepted_at", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("journal_key", ["request_id", "ticket_id"])
    .execute();
}
