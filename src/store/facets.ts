/** Which values there are to filter by: found by leaping along an index, so that a million rows cost no more than ten. */
import { sql } from "kysely";
import type { Database } from "./database.ts";

/** More than this many of a kind are of no use in a list to choose from. */
const MOST = 200;

/** What filters may say. */
export type Facets = ReturnType<typeof createFacets>;

/** Makes the reader over an open database. */
export function createFacets(db: Database) {
  /** @param column must lead an index of the table */
  async function values(table: "pictures" | "requests", column: string): Promise<string[]> {
    const found: string[] = [];
    const name = sql.ref(column);
    while (found.length < MOST) {
      const { rows: [next] } = await sql<{ value: string }>`
        select ${name} as value from ${sql.table(table)}
        where ${name} > ${found.at(-1) ?? ""} order by ${name} limit 1`.execute(db);
      if (!next) break;
      found.push(next.value);
    }
    return found;
  }

  return {
    /** Of the gallery. */
    async pictures() {
      return {
        providers: await values("pictures", "provider"),
        models: await values("pictures", "model"),
        clients: await values("pictures", "client"),
        tasks: await values("pictures", "task"),
      };
    },

    /** Of the history. */
    async requests() {
      return {
        providers: await values("requests", "provider"),
        models: await values("requests", "used_model"),
        clients: await values("requests", "client"),
      };
    },
  };
}
