/**
 * The listing of keys, page by page: ten thousand keys are looked at without reading ten thousand rows.
 */
import { type ExpressionBuilder, type SelectQueryBuilder, sql } from "kysely";
import type { ProviderKey } from "./keys.ts";
import type { Schema } from "./schema.ts";

/** What may become of a key: it can be used, comes back by itself, was switched off, or is not known to its service. */
export type KeyStateName = "ready" | "resting" | "disabled" | "dead";

/** What to list. */
export interface KeyQuery {
  provider?: string;
  state?: KeyStateName;
  /** Part of a name or preview, or a whole key. */
  q?: string;
  /** The last key of the page before. */
  after?: Pick<ProviderKey, "provider" | "addedAt" | "id">;
  limit: number;
  /** In ms since the epoch; decides which rests have ended. */
  now: number;
}

/**
 * Narrows a statement to one page, in the order of provider, age and id.
 * @param fingerprint that of `q`, in case it is a whole key
 */
export function pageOf<Row>(
  rows: SelectQueryBuilder<Schema, "provider_keys", Row>,
  { provider, state, q, after, limit, now }: KeyQuery,
  fingerprint = "",
): SelectQueryBuilder<Schema, "provider_keys", Row> {
  let found = rows;
  if (provider !== undefined) found = found.where("provider", "=", provider);
  if (state !== undefined) found = found.where((eb) => hasState(eb, state, now));
  if (q) {
    const pattern = `%${q.toLowerCase().replace(/[\\%_]/g, "\\$&")}%`;
    found = found.where((eb) =>
      eb.or([
        sql<boolean>`lower(name) like ${pattern} escape '\\'`,
        sql<boolean>`lower(preview) like ${pattern} escape '\\'`,
        eb("fingerprint", "=", fingerprint),
      ])
    );
  }
  if (after) {
    found = found.where(
      sql<boolean>`(provider, added_at, id) > (${after.provider}, ${after.addedAt}, ${after.id})`,
    );
  }
  return found.orderBy("provider").orderBy("added_at").orderBy("id").limit(limit);
}

function hasState(eb: ExpressionBuilder<Schema, "provider_keys">, state: KeyStateName, now: number) {
  if (state === "disabled") return eb("enabled", "=", 0);
  const on = eb("enabled", "=", 1);
  if (state === "ready") {
    return eb.and([on, eb.or([eb("resting_until", "is", null), eb("resting_until", "<=", now)])]);
  }
  const rejected = eb("rest_reason", "like", "key_rejected%");
  const why = state === "dead" ? rejected : eb.or([eb("rest_reason", "is", null), eb.not(rejected)]);
  return eb.and([on, eb("resting_until", ">", now), why]);
}
