/** Settings as they may be shown: secrets are masked, and a mask that comes back is known for what it is. */
import { type Field, readText } from "../config/fields.ts";
import { isObject, type Json, type JsonObject, mergePatch, valueAt } from "../config/json_object.ts";
import type { Settings } from "../config/settings.ts";
import { namesSecret } from "../log/redact_text.ts";

const HIDDEN = "********";
/** Shorter ones would be told too much of by eight characters. */
const SHORTEST_SHOWN = 20;
const MASK = /^(?:[*•]{8}|.{4}(?:…|\.\.\.).{4})$/su;
const USER_IN_URL = /:\/\/[^\s/@]*@/g;

/** What is shown of a secret: `abcd…wxyz`, or nothing of a short one. An empty text has nothing to hide. */
export function maskOf(secret: string): string {
  if (secret === "") return "";
  return secret.length < SHORTEST_SHOWN ? HIDDEN : `${secret.slice(0, 4)}…${secret.slice(-4)}`;
}

/** Whether a text can only be a mask. */
export function isMask(text: unknown): text is string {
  return typeof text === "string" && MASK.test(text);
}

/** Whether a text holds the mask of a user name and password in an address. */
export function hasMaskedUser(text: unknown): boolean {
  return typeof text === "string" && text.includes("://…@");
}

/** The value of a setting as it may be shown, or `undefined` where there is none. */
export function shownValue({ secret, environmentOnly, keys }: Field, settings: Settings): unknown {
  const value = valueAt(settings.current, keys);
  if (!secret) return value === undefined ? undefined : withoutUsers(value as Json, "://…@");
  if (Array.isArray(value)) return value.map((item) => maskOf(String(item)));
  // A password is chosen by a person: even eight characters of it tell too much.
  if (typeof value === "string" && environmentOnly) return value && HIDDEN;
  return typeof value === "string" ? maskOf(value) : undefined;
}

/** All that the file can say, as it is in force, with members that we don't know as they stand there. */
export function shownSettings(settings: Settings): JsonObject {
  const known: JsonObject = {};
  for (const field of settings.fields) {
    if (field.environmentOnly || isMoved(field)) continue;
    const value = shownValue(field, settings);
    if (value !== undefined) put(known, field.keys, value as Json);
  }
  return mergePatch(known, strangers(settings));
}

/** What the file says, without secrets. */
export function withoutSecrets(settings: Settings): JsonObject {
  const secret = new Set(settings.fields.filter((field) => field.secret).map(({ path }) => path));
  return stripped(
    settings.file,
    [],
    (path, name, value) => secret.has(path) || typeof value === "string" && namesSecret(name),
  );
}

/** Keys that stand in the file only until they were moved to the key store. */
function isMoved({ path }: Field): boolean {
  return path === "keyPools";
}

/** The members of the file that are no settings of ours. */
function strangers(settings: Settings): JsonObject {
  const paths = new Set(settings.fields.map(({ path }) => path));
  const groups = new Set(
    settings.fields.flatMap(({ keys }) => keys.map((_, i) => keys.slice(0, i).join("."))),
  );
  const walk = (members: JsonObject, above: string[]): JsonObject =>
    Object.fromEntries(
      Object.entries(members).flatMap(([name, value]): [string, Json][] => {
        const keys = [...above, name];
        const path = keys.join(".");
        if (value === undefined || paths.has(path)) return [];
        if (!groups.has(path)) return [[name, masked(value, namesSecret(name))]];
        return isObject(value) ? [[name, walk(value, keys)]] : [];
      }),
    );
  return walk(settings.file, []);
}

function masked(value: Json, secret: boolean): Json {
  if (typeof value === "string") return secret ? maskOf(value) : withoutUsers(value, "://…@");
  if (Array.isArray(value)) return value.map((item) => masked(item, secret));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, masked(item ?? null, secret || namesSecret(name))]),
  );
}

/** Takes user names and passwords out of all addresses. */
function withoutUsers(value: Json, instead: string): Json {
  if (typeof value === "string") return value.replace(USER_IN_URL, instead);
  if (Array.isArray(value)) return value.map((item) => withoutUsers(item, instead));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, withoutUsers(item ?? null, instead)]),
  );
}

function stripped(
  members: JsonObject,
  above: string[],
  isSecret: (path: string, name: string, value: Json) => boolean,
): JsonObject {
  const strip = (value: Json, keys: string[]): Json => {
    if (Array.isArray(value)) return value.map((item) => strip(item, keys));
    return isObject(value) ? stripped(value, keys, isSecret) : withoutUsers(value, "://");
  };
  return Object.fromEntries(
    Object.entries(members).flatMap(([name, value]): [string, Json][] => {
      const keys = [...above, name];
      if (value === undefined || isSecret(keys.join("."), name, value)) return [];
      return [[name, strip(value, keys)]];
    }),
  );
}

function put(root: JsonObject, keys: readonly string[], value: Json): void {
  const [key = "", ...rest] = keys;
  if (rest.length === 0) {
    root[key] = value;
    return;
  }
  const inner = root[key];
  const child: JsonObject = isObject(inner) ? inner : {};
  root[key] = child;
  put(child, rest, value);
}

/** A secret as it is meant: what was shown of the present one stands for it. `undefined` = leave it as it is. */
export function unmasked(field: Field, value: Json, settings: Settings): Json | undefined {
  if (field.kind !== "list") return value === "" ? null : isMask(value) ? undefined : value;
  const given = typeof value === "string" ? readText(field, value) : value;
  if (!Array.isArray(given)) return value;
  const present = valueAt(settings.current, field.keys);
  const left = Array.isArray(present) ? present.map(String) : [];
  return given.map((item) => {
    if (!isMask(item)) return item;
    const at = left.findIndex((secret) => maskOf(secret) === item);
    // One that stands for nothing stays, and is refused by whoever saves it.
    return at < 0 ? item : left.splice(at, 1)[0]!;
  });
}
