/** The holders of gateway keys: what each may do, and what it used. Their keys are stored as hashes alone. */
import { sql, type Updateable } from "kysely";
import { type Clock, systemClock } from "../core/clock.ts";
import type { Database } from "./database.ts";
import type { ClientTable } from "./schema.ts";
import { previewOf, type Vault } from "./secrets.ts";
import { readTexts } from "./stored_json.ts";

/** What can be set of a client. An absent limit is no limit. */
export interface ClientSettings {
  name: string;
  enabled: boolean;
  /** In ms since the epoch. */
  expiresAt?: number;
  /** The models it may ask for; empty = all. */
  models: string[];
  /** The providers it may be served by; empty = all. */
  providers: string[];
  requestsPerMinute?: number;
  imagesPerDay?: number;
  imagesPerMonth?: number;
  usdPerDay?: number;
  usdPerMonth?: number;
}

/** A holder of a gateway key. */
export interface Client extends ClientSettings {
  id: string;
  /** `fingerprint()` of its key. */
  keyHash: string;
  /** `ir-a…wxyz` */
  preview: string;
  createdAt: number;
}

/** A client to be made; only its name is needed. */
export type NewClient = Pick<ClientSettings, "name"> & Partial<ClientSettings>;

/** What to change. A limit or expiry of `null` is taken away, an absent one stays. */
export type ClientChange = {
  [K in keyof ClientSettings]?:
    | ClientSettings[K]
    | (K extends Limit ? null : never);
};

type Limit =
  | "expiresAt"
  | "requestsPerMinute"
  | "imagesPerDay"
  | "imagesPerMonth"
  | "usdPerDay"
  | "usdPerMonth";

/** Amounts used. */
export interface Usage {
  requests: number;
  images: number;
  /** US-dollars. */
  usd: number;
}

/** What was used on one day. */
export interface DayUsage extends Usage {
  /** `YYYY-MM-DD`, UTC. */
  day: string;
}

/** The store of clients. */
export type ClientStore = ReturnType<typeof createClientStore>;

/** The day (UTC) of a time in ms, as usage is counted by: `YYYY-MM-DD`. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** How every client's key begins: whatever begins otherwise need not be looked for. */
const PREFIX = "ir-";

/** Makes the store of clients over an open database. */
export function createClientStore(
  db: Database,
  vault: Vault,
  { clock = systemClock }: { clock?: Clock } = {},
) {
  return {
    /** Makes a client and its key, which is told here and never again. */
    async create(
      { enabled = true, models = [], providers = [], ...others }: NewClient,
    ): Promise<{ client: Client; key: string }> {
      const random = crypto.getRandomValues(new Uint8Array(32));
      const key = `${PREFIX}${random.toBase64({ alphabet: "base64url", omitPadding: true })}`;
      const row = toRow({
        ...others,
        enabled,
        models,
        providers,
        id: crypto.randomUUID(),
        keyHash: await vault.fingerprint(key),
        preview: previewOf(key),
        createdAt: clock.now(),
      });
      await db.insertInto("clients").values(row).execute();
      return { client: toClient(row), key };
    },

    /** The client of a key. Whether it may still call is the caller's question. */
    async findByKey(key: string): Promise<Client | undefined> {
      return key.startsWith(PREFIX) ? await this.findByHash(await vault.fingerprint(key)) : undefined;
    },

    /** The client whose key has this fingerprint. Whether it may still call is the caller's question. */
    async findByHash(hash: string): Promise<Client | undefined> {
      const row = await db.selectFrom("clients").selectAll().where("key_hash", "=", hash).executeTakeFirst();
      return row && toClient(row);
    },

    /** All clients, oldest first. */
    async list(): Promise<Client[]> {
      return (await db.selectFrom("clients").selectAll().orderBy("created_at").orderBy("id").execute())
        .map(toClient);
    },

    /** Changes a client and gives it back, or `undefined` if there is none with this id. */
    async update(id: string, change: ClientChange): Promise<Client | undefined> {
      return await db.transaction().execute(async (tx) => {
        // The id goes along, so that an empty change is still a statement.
        await tx.updateTable("clients").set({ id, ...toColumns(change) }).where("id", "=", id).execute();
        const row = await tx.selectFrom("clients").selectAll().where("id", "=", id).executeTakeFirst();
        return row && toClient(row);
      });
    },

    /** Removes a client and its counters; tells whether there was one. */
    async remove(id: string): Promise<boolean> {
      return await db.transaction().execute(async (tx) => {
        await tx.deleteFrom("client_usage").where("client_id", "=", id).execute();
        const { numDeletedRows } = await tx.deleteFrom("clients").where("id", "=", id).executeTakeFirst();
        return numDeletedRows > 0n;
      });
    },

    /** How many clients there are. */
    async count(): Promise<number> {
      const row = await db.selectFrom("clients").select((eb) => eb.fn.countAll().as("count"))
        .executeTakeFirst();
      return Number(row?.count ?? 0);
    },

    /** Adds to what a client used on the day (UTC) of `at`, in ms since the epoch. */
    async addUsage(clientId: string, at: number, { requests, images, usd }: Usage): Promise<void> {
      await db.insertInto("client_usage").values({
        client_id: clientId,
        day: dayOf(at),
        requests,
        images,
        usd,
      })
        .onConflict((conflict) =>
          conflict.columns(["client_id", "day"]).doUpdateSet({
            requests: sql`client_usage.requests + excluded.requests`,
            images: sql`client_usage.images + excluded.images`,
            usd: sql`client_usage.usd + excluded.usd`,
          })
        ).execute();
    },

    /** What each client used from one day to another, both included, by the client's id. */
    async usageOfAll(fromDay: string, toDay: string): Promise<Map<string, DayUsage[]>> {
      const rows = await db.selectFrom("client_usage").selectAll()
        .where("day", ">=", fromDay).where("day", "<=", toDay).orderBy("day").execute();
      return Map.groupBy(rows, (row) => row.client_id);
    },

    /** What a client used from one day to another, both included; days without use are left out. */
    async usage(clientId: string, fromDay: string, toDay: string): Promise<DayUsage[]> {
      const rows = await db.selectFrom("client_usage").select(["day", "requests", "images", "usd"])
        .where("client_id", "=", clientId).where("day", ">=", fromDay).where("day", "<=", toDay)
        .orderBy("day").execute();
      return rows.map((row) => ({ ...row }));
    },
  };
}

function toRow(client: Client): ClientTable {
  return {
    id: client.id,
    name: client.name,
    key_hash: client.keyHash,
    preview: client.preview,
    enabled: Number(client.enabled),
    expires_at: client.expiresAt ?? null,
    models: JSON.stringify(client.models),
    providers: JSON.stringify(client.providers),
    requests_per_minute: client.requestsPerMinute ?? null,
    images_per_day: client.imagesPerDay ?? null,
    images_per_month: client.imagesPerMonth ?? null,
    usd_per_day: client.usdPerDay ?? null,
    usd_per_month: client.usdPerMonth ?? null,
    created_at: client.createdAt,
  };
}

/** Absent members become `undefined`, which Kysely leaves out of the statement. */
function toColumns(change: ClientChange): Updateable<ClientTable> {
  return {
    name: change.name,
    enabled: change.enabled === undefined ? undefined : Number(change.enabled),
    expires_at: change.expiresAt,
    models: change.models && JSON.stringify(change.models),
    providers: change.providers && JSON.stringify(change.providers),
    requests_per_minute: change.requestsPerMinute,
    images_per_day: change.imagesPerDay,
    images_per_month: change.imagesPerMonth,
    usd_per_day: change.usdPerDay,
    usd_per_month: change.usdPerMonth,
  };
}

function toClient(row: ClientTable): Client {
  return {
    id: row.id,
    name: row.name,
    keyHash: row.key_hash,
    preview: row.preview,
    enabled: row.enabled === 1,
    expiresAt: row.expires_at ?? undefined,
    models: readTexts(row.models),
    providers: readTexts(row.providers),
    requestsPerMinute: row.requests_per_minute ?? undefined,
    imagesPerDay: row.images_per_day ?? undefined,
    imagesPerMonth: row.images_per_month ?? undefined,
    usdPerDay: row.usd_per_day ?? undefined,
    usdPerMonth: row.usd_per_month ?? undefined,
    createdAt: row.created_at,
  };
}
