/**
 * Keeps provider keys unreadable at rest, and recognises keys without knowing them. All of it hangs on one
 * secret, SECRET_KEY: without it the stored keys are lost.
 */
import { createHmac } from "node:crypto";
import { join } from "node:path";
import { writeAtomic } from "../platform/atomic_file.ts";

/** Encrypts, decrypts and recognises keys. */
export interface Vault {
  /** Encrypts a text: `v1.<iv>.<ciphertext>`, both base64url. Never the same twice. */
  seal(plain: string): Promise<string>;
  /** Decrypts what `seal()` gave. @throws Error if it was sealed with another SECRET_KEY, or was altered. */
  open(sealed: string): Promise<string>;
  /** HMAC-SHA-256 in hex: the same for the same text, of no use to whoever lacks the SECRET_KEY. */
  fingerprint(text: string): Promise<string>;
  /** 32 bytes for one purpose, always the same ones, that tell nothing of those for another. */
  derive(purpose: string): Promise<Uint8Array>;
}

const BASE64URL = { alphabet: "base64url", omitPadding: true } as const;
const IV_BYTES = 12;
const encode = (text: string) => new TextEncoder().encode(text);

/** Makes a vault: AES-256-GCM and HMAC with keys derived (HKDF) from `secretKey`. @throws Error if it is empty. */
export async function createVault(secretKey: string): Promise<Vault> {
  if (!secretKey) throw new Error("Cannot make a vault: SECRET_KEY must not be empty");
  const root = await crypto.subtle.importKey("raw", encode(secretKey), "HKDF", false, [
    "deriveKey",
    "deriveBits",
  ]);
  const parameters = (purpose: string) => ({
    name: "HKDF",
    hash: "SHA-256",
    salt: encode("imgrouter"),
    info: encode(purpose),
  });
  const derive = (purpose: string, algorithm: AesKeyGenParams, uses: KeyUsage[]) =>
    crypto.subtle.deriveKey(
      parameters(purpose),
      root,
      algorithm,
      false,
      uses,
    );
  const cipher = await derive("seal", { name: "AES-GCM", length: 256 }, ["encrypt", "decrypt"]);
  const signer = new Uint8Array(await crypto.subtle.deriveBits(parameters("fingerprint"), root, 256));

  return {
    async seal(plain) {
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
      const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, cipher, encode(plain));
      return `v1.${iv.toBase64(BASE64URL)}.${new Uint8Array(sealed).toBase64(BASE64URL)}`;
    },
    async open(sealed) {
      const { iv, bytes } = parseSealed(sealed);
      const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, cipher, bytes).catch((cause) => {
        throw new Error(
          "SECRET_KEY is not the one these keys were stored with: " +
            "set the former one again, or remove the keys and add them anew",
          { cause },
        );
      });
      return new TextDecoder().decode(plain);
    },
    // Asked for with every request, and node's is twenty times as fast as the Web's for so short a text.
    fingerprint: (text) => Promise.resolve(createHmac("sha256", signer).update(text).digest("hex")),
    async derive(purpose) {
      return new Uint8Array(await crypto.subtle.deriveBits(parameters(`derive:${purpose}`), root, 256));
    },
  };
}

function parseSealed(sealed: string) {
  const [version, iv, text, ...rest] = sealed.split(".");
  if (version !== "v1" || !iv || !text || rest.length) {
    throw new Error("Cannot open a stored key: expected v1.<iv>.<ciphertext>, found something else");
  }
  return { iv: Uint8Array.fromBase64(iv, BASE64URL), bytes: Uint8Array.fromBase64(text, BASE64URL) };
}

/** What people see of a key: `abcd…wxyz`, or nothing of one so short that eight characters would tell too much. */
export function previewOf(key: string): string {
  return key.length < 20 ? "••••••••" : `${key.slice(0, 4)}…${key.slice(-4)}`;
}

/**
 * The SECRET_KEY: the environment's, else the one kept in `dataDir/secret.key`, which is made when absent.
 * @throws Error if that file is there but can't be read or is empty; it is never overwritten.
 */
export async function loadSecretKey(
  { dataDir, fromEnvironment }: { dataDir: string; fromEnvironment?: string },
): Promise<string> {
  if (fromEnvironment) return fromEnvironment;
  const path = join(dataDir, "secret.key");
  const kept = await readIfThere(path);
  if (kept === undefined) {
    const made = crypto.getRandomValues(new Uint8Array(32)).toBase64(BASE64URL);
    await writeAtomic(path, `${made}\n`, { mode: 0o600 });
    return made;
  }
  if (kept.trim()) return kept.trim();
  throw new Error(
    `Cannot use ${path}: it is empty; restore it from a copy, or remove it to have a new one made`,
  );
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
