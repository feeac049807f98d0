/** Makes the tables of requests and their attempts, with an index for each way in which they are listed. */
import type { Kysely } from "kysely";

/** @see RequestTable @see AttemptTable */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable("requests")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("time", "bigint", (column) => column.notNull())
    .addColumn("task", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("provider", "text")
    .addColumn("used_model", "text")
    .addColumn("client", "text", (column) => column.notNull())
    .addColumn("status", "integer", (column) => column.notNull())
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("error", "text")
    .addColumn("images", "integer", (column) => column.notNull())
    .addColumn("duration_ms", "double precision", (column) => column.notNull())
    .addColumn("cost_usd", "double precision")
    .addColumn("prompt", "text", (column) => column.notNull())
    .addColumn("notes", "text", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("requests_by_time").on("requests").columns(["time", "id"]).execute();
  for (const column of ["provider", "model", "used_model", "client", "status"]) {
    await db.schema.createIndex(`requests_by_${column}`).on("requests").columns([column, "time", "id"])
      .execute();
  }
  await db.schema.createTable("attempts")
    .addColumn(
      "request_id",
      "text",
      (column) => column.notNull().references("requests.id").onDelete("cascade"),
    )
    .addColumn("position", "integer", (column) => column.notNull())
    .addColumn("provider", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("key_name", "text")
    .addColumn("outcome", "text", (column) => column.notNull())
    .addColumn("status", "integer")
    .addColumn("started_ms", "double precision", (column) => column.notNull())
    .addColumn("duration_ms", "double precision", (column) => column.notNull())
    .addColumn("message", "text")
    .addColumn("cost_usd", "double precision")
    .addPrimaryKeyConstraint("attempts_key", ["request_id", "position"])
    .execute();
}
