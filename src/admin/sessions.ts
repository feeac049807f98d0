/**
 * Who may administer: the first admin's set-up, logins and API tokens. Both are JSON Web Tokens, but a row in
 * the database tells whether one still counts, so that each can be ended at once.
 */
import { timingSafeEqual } from "node:crypto";
import { jwtVerify, SignJWT } from "jose";
import { type Clock, systemClock } from "../core/clock.ts";
import type { Database } from "../store/database.ts";
import { checkPassword, hashPassword } from "./password.ts";

/** Who asks. */
export interface Identity {
  /** Of the session or token. */
  id: string;
  kind: "session" | "token";
  /** As the audit trail names it: `admin`, or the token's name. */
  name: string;
  /** When it ends, in ms since the epoch; absent = never. */
  expiresAt?: number;
}

/** A session that began. */
export interface Opened {
  identity: Identity;
  token: string;
  /** In ms since the epoch. */
  expiresAt: number;
}

/** An API token, without itself. Times in ms since the epoch. */
export interface ApiToken {
  id: string;
  name: string;
  createdAt: number;
  expiresAt?: number;
  usedAt?: number;
}

/** What sessions depend on. */
export interface SessionsOptions {
  clock?: Clock;
  /** Signs tokens (HS256): 32 bytes that only processes of this gateway have. */
  signingKey: Uint8Array;
  /** `ADMIN_PASSWORD`: then it is the password, and can't be changed elsewhere. */
  fixedPassword?: string;
}

/** Sessions and API tokens. */
export type Sessions = Awaited<ReturnType<typeof createSessions>>;

const ADMIN = "admin";
const ISSUER = "imgrouter";
const AUDIENCE = "imgrouter-admin";
const DAY = 24 * 60 * 60_000;
/** A session ends this long after its last use. */
const SESSION_LIFE = 7 * DAY;
/** Use is written down, and the end moved on, no more often than this. */
const RENEW_EVERY = 60 * 60_000;
/** No use keeps a session for longer than this. */
const LONGEST_SESSION = 90 * DAY;

/** Opens them. Makes a set-up token where there is no admin yet. */
export async function createSessions(
  db: Database,
  { clock = systemClock, signingKey, fixedPassword }: SessionsOptions,
) {
  if (fixedPassword !== undefined) await fixPassword(db, fixedPassword, clock.now());
  const listeners = new Set<() => void>();
  const tellEnded = () => listeners.forEach((listener) => listener());
  let setupToken = await storedHash(db) === undefined ? randomToken() : undefined;

  async function issue(
    row: { id: string; kind: Identity["kind"]; name: string; end?: number; exp?: number },
  ) {
    const { id, kind, name, end, exp } = row;
    const now = clock.now();
    await db.insertInto("sessions").values({
      id,
      kind,
      name,
      created_at: now,
      expires_at: end ?? null,
      used_at: null,
    }).execute();
    const jwt = new SignJWT().setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setIssuer(ISSUER).setAudience(AUDIENCE).setSubject(ADMIN).setJti(id).setIssuedAt(new Date(now));
    if (exp !== undefined) jwt.setExpirationTime(new Date(exp));
    return await jwt.sign(signingKey);
  }

  async function begin(): Promise<Opened> {
    const now = clock.now();
    await db.deleteFrom("sessions").where("expires_at", "<=", now).execute();
    const identity: Identity = { id: crypto.randomUUID(), kind: "session", name: ADMIN };
    const expiresAt = now + SESSION_LIFE;
    const token = await issue({ ...identity, end: expiresAt, exp: now + LONGEST_SESSION });
    return { identity, token, expiresAt };
  }

  /** The session or token's id, if we signed it and it has not ended by its own word. */
  async function idOf(token: string): Promise<string | undefined> {
    try {
      const { payload } = await jwtVerify(token, signingKey, {
        algorithms: ["HS256"],
        issuer: ISSUER,
        audience: AUDIENCE,
        subject: ADMIN,
        requiredClaims: ["jti"],
        currentDate: new Date(clock.now()),
      });
      return payload.jti;
    } catch {
      return undefined;
    }
  }

  return {
    /** The word that makes the first admin; absent where there is one. Lives as long as this process. */
    get setupToken(): string | undefined {
      return setupToken;
    },

    /** Whether the environment fixes the password. */
    isPasswordFixed: fixedPassword !== undefined,

    /** Makes the first admin and their session; `undefined` for a wrong or used token, or where there is an admin. */
    async setUp(token: string, password: string): Promise<Opened | undefined> {
      if (setupToken === undefined || !isSame(token, setupToken)) return undefined;
      // Dead before the first wait: two at once are not two admins.
      setupToken = undefined;
      try {
        const { numInsertedOrUpdatedRows } = await db.insertInto("admins").values({
          name: ADMIN,
          password_hash: await hashPassword(password),
          changed_at: clock.now(),
        }).onConflict((conflict) => conflict.doNothing()).executeTakeFirst();
        return numInsertedOrUpdatedRows ? await begin() : undefined;
      } catch (error) {
        if (await storedHash(db).catch(() => undefined) === undefined) setupToken = token;
        throw error;
      }
    },

    /** A session for who knows the password. */
    async logIn(password: string): Promise<Opened | undefined> {
      return await checkPassword(password, await storedHash(db)) ? await begin() : undefined;
    },

    /** Whether this is the admin's password; for what needs it once more. */
    async isPassword(password: string): Promise<boolean> {
      return await checkPassword(password, await storedHash(db));
    },

    /** Changes the password and ends all sessions but `keep`; tells whether the old one was right. */
    async changePassword(
      { from, to, keep }: { from: string; to: string; keep: string },
    ): Promise<boolean> {
      if (!await checkPassword(from, await storedHash(db))) return false;
      const values = { password_hash: await hashPassword(to), changed_at: clock.now() };
      await db.transaction().execute(async (tx) => {
        await tx.updateTable("admins").set(values).where("name", "=", ADMIN).execute();
        await tx.deleteFrom("sessions").where("kind", "=", "session").where("id", "!=", keep).execute();
      });
      tellEnded();
      return true;
    },

    /**
     * Who holds a token. A session's end moves on by its use: `renewed` tells that it just did.
     * Gives `undefined` for one that was altered, ended or revoked.
     */
    async find(token: string): Promise<{ identity: Identity; renewed: boolean } | undefined> {
      const id = await idOf(token);
      if (id === undefined) return undefined;
      const row = await db.selectFrom("sessions").selectAll().where("id", "=", id).executeTakeFirst();
      const now = clock.now();
      if (!row || row.expires_at !== null && row.expires_at <= now) return undefined;
      const isDue = (row.used_at ?? row.created_at) + RENEW_EVERY <= now;
      const renewed = isDue && row.kind === "session";
      const end = renewed ? Math.min(now + SESSION_LIFE, row.created_at + LONGEST_SESSION) : row.expires_at;
      if (isDue || row.used_at === null) {
        await db.updateTable("sessions").set({ used_at: now, expires_at: end }).where("id", "=", id)
          .execute();
      }
      const kind = row.kind === "token" ? "token" : "session";
      return { identity: { id, kind, name: row.name, expiresAt: end ?? undefined }, renewed };
    },

    /** Whether a session or token has not ended; asking is no use of it. */
    async lives(id: string): Promise<boolean> {
      const row = await db.selectFrom("sessions").select("expires_at").where("id", "=", id)
        .executeTakeFirst();
      return row !== undefined && (row.expires_at === null || row.expires_at > clock.now());
    },

    /** Ends a session or token; tells whether there was one. */
    async end(id: string, kind?: Identity["kind"]): Promise<boolean> {
      const { numDeletedRows } = await db.deleteFrom("sessions").where("id", "=", id)
        .$if(kind !== undefined, (query) => query.where("kind", "=", kind!)).executeTakeFirst();
      tellEnded();
      return numDeletedRows > 0n;
    },

    /** Whether a session or token still counts; unlike `find()`, asking is no use of it. */
    async isOpen(id: string): Promise<boolean> {
      const row = await db.selectFrom("sessions").select("expires_at").where("id", "=", id)
        .executeTakeFirst();
      return row !== undefined && (row.expires_at === null || row.expires_at > clock.now());
    },

    /** Calls a function after sessions or tokens were ended before their time, until it is disposed of. */
    onEnded(listener: () => void): Disposable {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },

    /** API tokens, oldest first. */
    async tokens(): Promise<ApiToken[]> {
      const rows = await db.selectFrom("sessions").selectAll().where("kind", "=", "token")
        .orderBy("created_at").orderBy("id").execute();
      return rows.map((row) => ({
        id: row.id,
        name: row.name,
        createdAt: row.created_at,
        expiresAt: row.expires_at ?? undefined,
        usedAt: row.used_at ?? undefined,
      }));
    },

    /** Makes an API token, which is told here and never again. */
    async createToken(
      { name, expiresAt }: { name: string; expiresAt?: number },
    ): Promise<{ id: string; token: string }> {
      const id = crypto.randomUUID();
      return { id, token: await issue({ id, kind: "token", name, end: expiresAt, exp: expiresAt }) };
    },
  };
}

async function storedHash(db: Database): Promise<string | undefined> {
  const row = await db.selectFrom("admins").select("password_hash").where("name", "=", ADMIN)
    .executeTakeFirst();
  return row?.password_hash;
}

/** Makes the environment's password the stored one; sessions of another one end. */
async function fixPassword(db: Database, password: string, now: number): Promise<void> {
  const stored = await storedHash(db);
  if (stored !== undefined && await checkPassword(password, stored)) return;
  const values = { password_hash: await hashPassword(password), changed_at: now };
  await db.transaction().execute(async (tx) => {
    await tx.insertInto("admins").values({ name: ADMIN, ...values })
      .onConflict((conflict) => conflict.column("name").doUpdateSet(values)).execute();
    await tx.deleteFrom("sessions").where("kind", "=", "session").execute();
  });
}

function randomToken(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toBase64({ alphabet: "base64url", omitPadding: true });
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [given, expected].map((text) => new TextEncoder().encode(text));
  return a!.length === b!.length && timingSafeEqual(a!, b!);
}
