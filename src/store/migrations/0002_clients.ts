/** Makes the tables of clients and of what they used. */
import type { Kysely } from "kysely";

/** @see ClientTable @see ClientUsageTable */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable("clients")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("key_hash", "text", (column) => column.notNull().unique())
    .addColumn("preview", "text", (column) => column.notNull())
    .addColumn("enabled", "integer", (column) => column.notNull())
    .addColumn("expires_at", "bigint")
    .addColumn("models", "text", (column) => column.notNull())
    .addColumn("providers", "text", (column) => column.notNull())
    .addColumn("requests_per_minute", "integer")
    .addColumn("images_per_day", "integer")
    .addColumn("images_per_month", "integer")
    .addColumn("usd_per_day", "double precision")
    .addColumn("usd_per_month", "double precision")
    .addColumn("created_at", "bigint", (column) => column.notNull())
    .execute();
  // No foreign key: a request that ends after its client was removed must still be able to count itself.
  await db.schema.createTable("client_usage")
    .addColumn("client_id", "text", (column) => column.notNull())
    .addColumn("day", "text", (column) => column.notNull())
    .addColumn("requests", "bigint", (column) => column.notNull())
    .addColumn("images", "bigint", (column) => column.notNull())
    .addColumn("usd", "double precision", (column) => column.notNull())
    .addPrimaryKeyConstraint("client_usage_key", ["client_id", "day"])
    .execute();
}
