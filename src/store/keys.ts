/**
 * The pools of provider keys: encrypted, each at most once per provider and address, with what is known of
 * their health, so that a restart does not send a dead key out again.
 */
import type { Insertable, Selectable } from "kysely";
import { z } from "zod";
import { type Clock, systemClock } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import { chunks, chunksInTurns } from "./chunks.ts";
import type { Database } from "./database.ts";
import type { ProviderKeyTable } from "./schema.ts";
import { type KeyQuery, pageOf } from "./key_pages.ts";
import { previewOf, type Vault } from "./secrets.ts";
import { readTexts } from "./stored_json.ts";

/** A pause: from when until when (ms since the epoch), and why. */
export interface Rest {
  until: number;
  reason: string;
  since?: number;
}

/** How a key fared. */
export interface KeyState {
  /** The whole key rests until then, in ms since the epoch. */
  restingUntil?: number;
  restReason?: string;
  /** When the rest began. */
  restedAt?: number;
  /** Failures in a row that count towards a longer rest. */
  strikes: number;
  /** Pauses for one model alone. */
  modelRests: Record<string, Rest>;
  successes: number;
  failures: number;
  lastUsedAt?: number;
  lastError?: string;
}

/** A key of a pool, without its secret. */
export interface ProviderKey extends KeyState {
  id: string;
  provider: string;
  name: string;
  /** `abcd…wxyz` */
  preview: string;
  /** Absent = the provider's own address. */
  baseUrl?: string;
  /** The models it is for; empty = all. */
  models: string[];
  enabled: boolean;
  addedAt: number;
}

/** A key to be added. */
export interface NewKey {
  provider: string;
  key: string;
  /** Default: its preview. */
  name?: string;
  baseUrl?: string;
  models?: string[];
  enabled?: boolean;
  /** Default: now. */
  addedAt?: number;
}

/** What can be changed by hand; `baseUrl: ""` goes back to the provider's own address. */
export type KeyChange = Partial<Pick<ProviderKey, "name" | "baseUrl" | "models" | "enabled">> & {
  key?: string;
};

/** What became of a batch. */
export interface AddedKeys {
  added: ProviderKey[];
  /** Those that were there already, or twice in the batch. */
  duplicates: { provider: string; name: string; preview: string }[];
}

/** Rows in one statement; ten values each keep far from the limit. */
const BATCH = 500;

const COLUMNS = [
  "id",
  "provider",
  "name",
  "preview",
  "base_url",
  "models",
  "enabled",
  "added_at",
  "resting_until",
  "rest_reason",
  "rested_at",
  "strikes",
  "model_rests",
  "successes",
  "failures",
  "last_used_at",
  "last_error",
] as const satisfies (keyof ProviderKeyTable)[];

const MODEL_RESTS = z.record(
  z.string(),
  z.object({ until: z.number(), reason: z.string(), since: z.number().optional() }),
);

/** The store of provider keys. */
export type KeyStore = ReturnType<typeof createKeyStore>;

/** Makes the store of provider keys over an open database. */
export function createKeyStore(db: Database, vault: Vault, { clock = systemClock }: { clock?: Clock } = {}) {
  return {
    /** The keys of one provider or of all, oldest first. */
    async list(provider?: string): Promise<ProviderKey[]> {
      const all = db.selectFrom("provider_keys").select(COLUMNS);
      const rows = await (provider === undefined ? all : all.where("provider", "=", provider))
        .orderBy("provider").orderBy("added_at").orderBy("id").execute();
      return rows.map(toKey);
    },

    /** One page of a listing, in the order of `list()`. */
    async page(query: KeyQuery): Promise<ProviderKey[]> {
      const all = db.selectFrom("provider_keys").select(COLUMNS);
      return (await pageOf(all, query, query.q && await vault.fingerprint(query.q)).execute()).map(toKey);
    },

    /** The keys with these ids, however many; those that are gone are left out. */
    async get(ids: readonly string[]): Promise<ProviderKey[]> {
      const keys: ProviderKey[] = [];
      for (const chunk of chunks(ids, BATCH)) {
        const rows = await db.selectFrom("provider_keys").select(COLUMNS).where("id", "in", chunk).execute();
        keys.push(...rows.map(toKey));
      }
      return keys;
    },

    /** Which of these keys `add()` would find there already: `true` or `false` for each, in their order. */
    async has(entries: readonly NewKey[]): Promise<boolean[]> {
      const found: boolean[] = [];
      for await (const chunk of chunksInTurns(entries, BATCH)) {
        const prints = await Promise.all(chunk.map(({ key }) => vault.fingerprint(key)));
        const rows = await db.selectFrom("provider_keys").select(["provider", "base_url", "fingerprint"])
          .where("provider", "in", [...new Set(chunk.map(({ provider }) => provider))])
          .where("base_url", "in", [...new Set(chunk.map(({ baseUrl = "" }) => baseUrl))])
          .where("fingerprint", "in", prints).execute();
        const there = new Set(rows.map((row) => `${row.provider}\n${row.base_url}\n${row.fingerprint}`));
        found.push(
          ...chunk.map(({ provider, baseUrl = "" }, index) =>
            there.has(`${provider}\n${baseUrl}\n${prints[index]}`)
          ),
        );
      }
      return found;
    },

    /** Switches keys on or off, however many, and gives them back. */
    async enable(ids: readonly string[], enabled: boolean): Promise<ProviderKey[]> {
      await db.transaction().execute(async (tx) => {
        for (const chunk of chunks(ids, BATCH)) {
          await tx.updateTable("provider_keys").set({ enabled: Number(enabled) }).where("id", "in", chunk)
            .execute();
        }
      });
      return await this.get(ids);
    },

    /** Adds keys, all in one transaction; those that are there already stay as they are. */
    async add(entries: readonly NewKey[]): Promise<AddedKeys> {
      const rows: NewRow[] = [];
      for (const chunk of chunks(entries, BATCH)) {
        rows.push(...await Promise.all(chunk.map((entry) => toRow(entry, vault, clock.now()))));
      }
      const added = await db.transaction().execute(async (tx) => {
        const ids = new Set<string>();
        for await (const chunk of chunksInTurns(rows, BATCH)) {
          const inserted = await tx.insertInto("provider_keys").values(chunk)
            .onConflict((conflict) => conflict.columns(["provider", "base_url", "fingerprint"]).doNothing())
            .returning("id").execute();
          for (const { id } of inserted) ids.add(id);
        }
        return ids;
      });
      return {
        added: rows.filter(({ id }) => added.has(id)).map((row) => toKey({ ...FRESH, ...row })),
        duplicates: rows.filter(({ id }) => !added.has(id))
          .map(({ provider, name, preview }) => ({ provider, name, preview })),
      };
    },

    /**
     * Changes a key and gives it back, or `undefined` if there is none with this id.
     * @throws Failed (`invalid_request`) if its pool has the new secret already.
     */
    async update(id: string, change: KeyChange): Promise<ProviderKey | undefined> {
      const { key, name, baseUrl, models, enabled } = change;
      const secret = key === undefined ? undefined : await toSecret(key, vault);
      const columns = {
        id,
        ...secret,
        name,
        base_url: baseUrl,
        models: models && JSON.stringify(models),
        enabled: enabled === undefined ? undefined : Number(enabled),
      };
      return await db.transaction().execute(async (tx) => {
        const before = await tx.selectFrom("provider_keys").selectAll().where("id", "=", id)
          .executeTakeFirst();
        if (!before) return undefined;
        const twin = await tx.selectFrom("provider_keys").select("name")
          .where("provider", "=", before.provider)
          .where("base_url", "=", baseUrl ?? before.base_url)
          .where("fingerprint", "=", secret?.fingerprint ?? before.fingerprint)
          .where("id", "!=", id).executeTakeFirst();
        if (twin) throw duplicate(twin.name);
        await tx.updateTable("provider_keys").set(columns).where("id", "=", id).execute();
        return toKey(
          await tx.selectFrom("provider_keys").select(COLUMNS).where("id", "=", id).executeTakeFirstOrThrow(),
        );
      });
    },

    /** Removes keys, however many, and gives how many there were. */
    async remove(ids: readonly string[]): Promise<number> {
      return await db.transaction().execute(async (tx) => {
        let removed = 0n;
        for (const chunk of chunks(ids, BATCH)) {
          const result = await tx.deleteFrom("provider_keys").where("id", "in", chunk).executeTakeFirst();
          removed += result.numDeletedRows;
        }
        return Number(removed);
      });
    },

    /**
     * The secret of a key, or `undefined` if there is none with this id.
     * @throws Error if it was stored with another SECRET_KEY.
     */
    async reveal(id: string): Promise<string | undefined> {
      const row = await db.selectFrom("provider_keys").select("sealed").where("id", "=", id)
        .executeTakeFirst();
      return row && await vault.open(row.sealed);
    },

    /**
     * The secrets of keys by id, however many, for an export; those that are gone are left out.
     * @throws Error if one was stored with another SECRET_KEY.
     */
    async secrets(ids: readonly string[]): Promise<Map<string, string>> {
      const secrets = new Map<string, string>();
      for await (const chunk of chunksInTurns(ids, BATCH)) {
        const rows = await db.selectFrom("provider_keys").select(["id", "sealed"]).where("id", "in", chunk)
          .execute();
        await Promise.all(rows.map(async ({ id, sealed }) => secrets.set(id, await vault.open(sealed))));
      }
      return secrets;
    },

    /** Writes how some keys fared, in one transaction; keys that were removed meanwhile are passed over. */
    async saveStates(changes: readonly (KeyState & { id: string })[]): Promise<void> {
      if (!changes.length) return;
      await db.transaction().execute(async (tx) => {
        for (const { id, ...state } of changes) {
          await tx.updateTable("provider_keys").set(toStateColumns(state)).where("id", "=", id).execute();
        }
      });
    },
  };
}

type NewRow = Insertable<ProviderKeyTable> & { id: string };
type Row = Pick<Selectable<ProviderKeyTable>, (typeof COLUMNS)[number]>;

const FRESH = {
  resting_until: null,
  rest_reason: null,
  rested_at: null,
  strikes: 0,
  model_rests: "{}",
  successes: 0,
  failures: 0,
  last_used_at: null,
  last_error: null,
};

async function toSecret(key: string, vault: Vault) {
  const [sealed, fingerprint] = await Promise.all([vault.seal(key), vault.fingerprint(key)]);
  return { sealed, fingerprint, preview: previewOf(key) };
}

async function toRow(entry: NewKey, vault: Vault, now: number) {
  const { provider, key, baseUrl = "", models = [], enabled = true, addedAt = now } = entry;
  const secret = await toSecret(key, vault);
  return {
    id: crypto.randomUUID() as string,
    provider,
    name: entry.name || secret.preview,
    ...secret,
    base_url: baseUrl,
    models: JSON.stringify(models),
    enabled: Number(enabled),
    added_at: addedAt,
  };
}

function toStateColumns(state: KeyState) {
  return {
    resting_until: state.restingUntil ?? null,
    rest_reason: state.restReason ?? null,
    rested_at: state.restedAt ?? null,
    strikes: state.strikes,
    model_rests: JSON.stringify(state.modelRests),
    successes: state.successes,
    failures: state.failures,
    last_used_at: state.lastUsedAt ?? null,
    last_error: state.lastError ?? null,
  };
}

function toKey(row: Row): ProviderKey {
  return {
    id: row.id,
    provider: row.provider,
    name: row.name,
    preview: row.preview,
    baseUrl: row.base_url || undefined,
    models: readTexts(row.models),
    enabled: row.enabled === 1,
    addedAt: row.added_at,
    restingUntil: row.resting_until ?? undefined,
    restReason: row.rest_reason ?? undefined,
    restedAt: row.rested_at ?? undefined,
    strikes: row.strikes,
    modelRests: row.model_rests === "{}" ? {} : MODEL_RESTS.parse(JSON.parse(row.model_rests)),
    successes: row.successes,
    failures: row.failures,
    lastUsedAt: row.last_used_at ?? undefined,
    lastError: row.last_error ?? undefined,
  };
}

function duplicate(name: string): Failed {
  return new Failed({
    kind: "invalid_request",
    message: `Cannot change the key: the pool has this key already, named "${name}"`,
    code: "duplicate_key",
    param: "key",
  });
}
