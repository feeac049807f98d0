/** Makes the table of stored pictures, with an index for each way in which they are listed and looked up. */
import { type Kysely, sql } from "kysely";

/** @see PictureTable */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable("pictures")
    .addColumn("name", "text", (column) => column.primaryKey())
    .addColumn("time", "bigint", (column) => column.notNull())
    .addColumn("type", "text", (column) => column.notNull())
    .addColumn("bytes", "bigint", (column) => column.notNull())
    .addColumn("width", "integer", (column) => column.notNull())
    .addColumn("height", "integer", (column) => column.notNull())
    .addColumn("hash", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("provider", "text", (column) => column.notNull())
    .addColumn("task", "text", (column) => column.notNull())
    .addColumn("client", "text", (column) => column.notNull())
    .addColumn("request_id", "text", (column) => column.notNull())
    .addColumn("seed", "double precision")
    .addColumn("cost_usd", "double precision")
    .addColumn("on_disk", "integer", (column) => column.notNull())
    .addColumn("object", "text")
    .addColumn("upload_wanted", "integer", (column) => column.notNull())
    .addColumn("search", "text", (column) => column.notNull())
    .addColumn("prompt", "text", (column) => column.notNull())
    .addColumn("revised_prompt", "text")
    .addColumn("request", "text")
    .execute();
  // With what totals need, so that they are added up from the index alone.
  await db.schema.createIndex("pictures_by_time").on("pictures").columns(["time", "name", "bytes", "on_disk"])
    .execute();
  for (const column of ["provider", "model", "client", "task"]) {
    await db.schema.createIndex(`pictures_by_${column}`).on("pictures").columns([column, "time", "name"])
      .execute();
  }
  await db.schema.createIndex("pictures_by_hash").on("pictures").column("hash").execute();
  await db.schema.createIndex("pictures_to_file").on("pictures").columns(["time", "name"])
    .where(sql.ref("hash"), "=", sql.lit("")).where(sql.ref("on_disk"), "=", sql.lit(1)).execute();
  await db.schema.createIndex("pictures_by_object").on("pictures").column("object")
    .where(sql.ref("object"), "is not", null).execute();
  await db.schema.createIndex("pictures_to_upload").on("pictures").columns(["time", "name"])
    .where(sql.ref("upload_wanted"), "=", sql.lit(1)).where(sql.ref("object"), "is", null).execute();
}
