/** Makes the table of provider keys. */
import type { Kysely } from "kysely";

/** @see ProviderKeyTable */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.createTable("provider_keys")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("provider", "text", (column) => column.notNull())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("sealed", "text", (column) => column.notNull())
    .addColumn("fingerprint", "text", (column) => column.notNull())
    .addColumn("preview", "text", (column) => column.notNull())
    .addColumn("base_url", "text", (column) => column.notNull())
    .addColumn("models", "text", (column) => column.notNull())
    .addColumn("enabled", "integer", (column) => column.notNull())
    .addColumn("added_at", "bigint", (column) => column.notNull())
    .addColumn("resting_until", "bigint")
    .addColumn("rest_reason", "text")
    .addColumn("strikes", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("model_rests", "text", (column) => column.notNull().defaultTo("{}"))
    .addColumn("successes", "bigint", (column) => column.notNull().defaultTo(0))
    .addColumn("failures", "bigint", (column) => column.notNull().defaultTo(0))
    .addColumn("last_used_at", "bigint")
    .addColumn("last_error", "text")
    .addUniqueConstraint("provider_keys_once", ["provider", "base_url", "fingerprint"])
    .execute();
  await db.schema.createIndex("provider_keys_by_age").on("provider_keys")
    .columns(["provider", "added_at", "id"]).execute();
}
