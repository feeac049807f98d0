/** Remembers when the rest of a key began. */
import type { Kysely } from "kysely";

/** @see ProviderKeyTable */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable("provider_keys").addColumn("rested_at", "bigint").execute();
}
