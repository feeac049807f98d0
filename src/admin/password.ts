/** Passwords at rest: hashed with scrypt, which costs whoever guesses as much memory as time. */
import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const derive = promisify<string, Uint8Array, number, ScryptOptions, Uint8Array>(scrypt);

/** The fewest characters of a password. */
export const SHORTEST_PASSWORD = 12;
/** The most; longer ones would only make us work. */
export const LONGEST_PASSWORD = 1024;

/** 64 MiB and a good tenth of a second a guess; https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#scrypt */
const COST = { N: 2 ** 16, r: 8, p: 2 };
const BYTES = 32;
const SALT_BYTES = 16;
const BASE64URL = { alphabet: "base64url", omitPadding: true } as const;
/** `scrypt$N$r$p$salt$hash`; the limits keep a damaged row from asking for all memory there is. */
const STORED = /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([\w-]{16,64})\$([\w-]{32,128})$/;

/** Stands in where there is no hash, so that the answer takes as long. */
const DECOY = ["scrypt", COST.N, COST.r, COST.p, "A".repeat(22), "A".repeat(43)].join("$");

/** Hashes a password with a fresh salt; the parameters stand in the result. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await run(password, salt, BYTES, COST);
  const { N, r, p } = COST;
  return ["scrypt", N, r, p, new Uint8Array(salt).toBase64(BASE64URL), hash.toBase64(BASE64URL)].join("$");
}

/**
 * Whether a password is the one that was hashed. Without a hash it takes as long, and says no.
 * @throws Error if what was stored is not of `hashPassword()`
 */
export async function checkPassword(password: string, stored: string | undefined): Promise<boolean> {
  const [, N, r, p, salt, hash] = STORED.exec(stored ?? DECOY) ?? [];
  if (!salt || !hash) throw new Error("Cannot check a password: the stored hash is damaged");
  const expected = Uint8Array.fromBase64(hash, BASE64URL);
  const cost = { N: Number(N), r: Number(r), p: Number(p) };
  const given = await run(password, Uint8Array.fromBase64(salt, BASE64URL), expected.length, cost);
  return timingSafeEqual(given, expected) && stored !== undefined;
}

/** Only one at a time: many at once would be a way to use up our memory. */
let last: Promise<unknown> = Promise.resolve();
async function run(
  password: string,
  salt: Uint8Array,
  bytes: number,
  cost: typeof COST,
): Promise<Uint8Array<ArrayBuffer>> {
  const turn = last.then(() =>
    // One character has several spellings in Unicode, and keyboards differ in which they send.
    derive(password.normalize("NFKC"), salt, bytes, { ...cost, maxmem: 256 * cost.N * cost.r })
  );
  last = turn.catch(() => {});
  return new Uint8Array(await turn);
}
