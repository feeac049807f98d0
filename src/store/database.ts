/**
 * Opens the database and brings its tables up to date. The port that all stores use is Kysely itself: whoever
 * brings another dialect changes nothing behind it.
 */
import { type Dialect, Kysely } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import * as keys from "./migrations/0001_keys.ts";
import * as clients from "./migrations/0002_clients.ts";
import * as history from "./migrations/0003_history.ts";
import * as journal from "./migrations/0004_journal.ts";
import * as pictures from "./migrations/0005_pictures.ts";
import * as admin from "./migrations/0006_admin.ts";
import * as stats from "./migrations/0007_stats.ts";
import * as keyRests from "./migrations/0008_key_rests.ts";
import type { Schema } from "./schema.ts";

/** The open database; disposing of it closes it. */
export type Database = Kysely<Schema>;

// Run in the order of their names; one that was released is never changed.
const MIGRATIONS: Record<string, Migration> = {
  "0001_keys": keys,
  "0002_clients": clients,
  "0003_history": history,
  "0004_journal": journal,
  "0005_pictures": pictures,
  "0007_stats": stats,
  "0006_admin": admin,
  "0008_key_rests": keyRests,
};

/**
 * Opens the database of `dialect` and runs the migrations that it has not had yet.
 * @throws Error if it can't be opened, or was made by a newer version.
 */
export async function openDatabase(dialect: Dialect): Promise<Database> {
  const db = new Kysely<Schema>({ dialect });
  try {
    const provider = { getMigrations: () => Promise.resolve(MIGRATIONS) };
    const { error } = await new Migrator({ db, provider }).migrateToLatest();
    if (error) throw error;
    return db;
  } catch (error) {
    await db.destroy().catch(() => {});
    throw new Error(whyNot(error), { cause: error });
  }
}

function whyNot(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  if (!reason.startsWith("corrupted migrations")) return `Cannot open the database: ${reason}`;
  return `Cannot open the database: it was made by another version of ImgRouter (${reason}); ` +
    "start that version, or restore a copy made before the upgrade";
}
