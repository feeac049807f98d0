/**
 * Makes the tables of statistics, and the indexes by which the latest failures are found in a long history, and the
 * pictures of a request.
 */
import { type Kysely, sql } from "kysely";

/** @see StatsTable @see StatsCountTable */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable("stats")
    .addColumn("span", "integer", (column) => column.notNull())
    .addColumn("start_at", "bigint", (column) => column.notNull())
    .addColumn("provider", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("requests", "bigint", (column) => column.notNull())
    .addColumn("failures", "bigint", (column) => column.notNull())
    .addColumn("images", "bigint", (column) => column.notNull())
    .addColumn("unpriced_images", "bigint", (column) => column.notNull())
    .addColumn("cost_usd", "double precision", (column) => column.notNull())
    .addColumn("bytes", "bigint", (column) => column.notNull())
    .addColumn("calls", "bigint", (column) => column.notNull())
    .addColumn("failed_calls", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("stats_key", ["span", "start_at", "provider", "model"])
    .execute();
  await db.schema.createTable("stats_counts")
    .addColumn("span", "integer", (column) => column.notNull())
    .addColumn("start_at", "bigint", (column) => column.notNull())
    .addColumn("provider", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("what", "text", (column) => column.notNull())
    .addColumn("count", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("stats_counts_key", ["span", "start_at", "provider", "model", "kind", "what"])
    .execute();
  await db.schema.createIndex("requests_failed").on("requests").columns(["time", "id"])
    .where(sql.ref("outcome"), "<>", sql.lit("ok")).execute();
  await db.schema.createIndex("pictures_by_request").on("pictures").columns(["request_id", "time"]).execute();
}
