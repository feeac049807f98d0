/**
 * Turns whatever was logged into small plain data without secrets: values of fields that name a secret,
 * secrets and images in texts, bytes, and all that is too much.
 */
import { MAX_TEXT, namesSecret, REDACTED, redactText, sizeOf } from "./redact_text.ts";

/** What is left of a value: JSON, in effect. */
export type Plain = string | number | boolean | null | undefined | Plain[] | { [name: string]: Plain };

const MAX_DEPTH = 6;
const MAX_MEMBERS = 50;
/** For one record in all, so that a record in memory has a size that can be told. */
const MAX_NODES = 500;
const MAX_CHARACTERS = 32_768;
/** Shorter ones would tear harmless words apart when they are looked for elsewhere in the record. */
const SHORTEST_SECRET = 6;

/** The parts of a message, as LogTape gives them (texts between values), and its fields, made harmless. */
export function redactRecord(
  message: readonly unknown[],
  properties: Record<string, unknown>,
): { message: string; fields: { [name: string]: Plain } } {
  const walk = new Walk();
  const fields = walk.members(Object.keys(properties), properties, 0, false);
  const parts = message.map((part) => asText(walk.secrets.has(part) ? REDACTED : walk.value(part, 0, false)));
  const scrub = scrubber(walk.secrets);
  // Once more as a whole: a secret's name may be in the text before it.
  const whole = redactText(parts.join(""));
  return { message: scrub(whole), fields: mapTexts(fields, scrub) };
}

/** A plain value in words. */
export function asText(value: Plain): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "undefined";
}

/** One record's way through its values. */
class Walk {
  /** The values of fields that name a secret, to be found again elsewhere in the record. */
  readonly secrets = new Set<unknown>();
  readonly #above: object[] = [];
  #nodes = MAX_NODES;
  #characters = MAX_CHARACTERS;

  value(value: unknown, depth: number, secret: boolean): Plain {
    if (this.#nodes-- <= 0) return "[…]";
    if (typeof value === "string") return secret ? this.#mask(value) : this.#text(value);
    if (value === null || value === undefined || typeof value === "boolean") return value;
    if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
    if (typeof value === "bigint") return String(value);
    if (typeof value !== "object") return `[${typeof value}]`;
    if (secret) this.secrets.add(value);
    if (this.#above.includes(value)) return "[circular]";
    if (depth >= MAX_DEPTH) return "[…]";
    this.#above.push(value);
    try {
      return this.#object(value, depth, secret);
    } catch {
      return "[unreadable]";
    } finally {
      this.#above.pop();
    }
  }

  /** The members of these names. */
  members(names: string[], owner: object, depth: number, secret: boolean): { [name: string]: Plain } {
    const kept = names.slice(0, MAX_MEMBERS).map((name): [string, Plain] => {
      const of = secret || namesSecret(name);
      return [this.#text(name), this.value(read(owner, name), depth + 1, of)];
    });
    if (names.length > MAX_MEMBERS) kept.push(["…", `${names.length - MAX_MEMBERS} more`]);
    return Object.fromEntries(kept);
  }

  #object(value: object, depth: number, secret: boolean): Plain {
    if (value instanceof Error) return this.#error(value, depth, secret);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (value instanceof URL) return secret ? this.#mask(value.href) : this.#text(value.href);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      return `[bytes ${sizeOf(value.byteLength)}]`;
    }
    if (value instanceof Blob) return `[blob ${sizeOf(value.size)}]`;
    if (value instanceof Headers || value instanceof URLSearchParams || value instanceof Map) {
      return this.#pairs([...value], depth, secret);
    }
    if (value instanceof Set) return this.#list([...value], depth, secret);
    if (Array.isArray(value)) return this.#list(value, depth, secret);
    return this.members(Object.keys(value), value, depth, secret);
  }

  #error(error: Error, depth: number, secret: boolean): Plain {
    const own = Object.keys(error).filter((name) => !["name", "message", "stack"].includes(name));
    const hidden = ["cause", "errors"].filter((name) =>
      !own.includes(name) && read(error, name) !== undefined
    );
    return this.members(["name", "message", "stack", ...own, ...hidden], error, depth, secret);
  }

  #pairs(pairs: [unknown, unknown][], depth: number, secret: boolean): Plain {
    return this.members(pairs.map(([name]) => String(name)), new Pairs(pairs), depth, secret);
  }

  #list(list: unknown[], depth: number, secret: boolean): Plain {
    const [name] = list;
    // Headers are often written as pairs.
    const isNamed = list.length === 2 && typeof name === "string" && namesSecret(name);
    const kept = list.slice(0, MAX_MEMBERS).map((item, i) =>
      this.value(item, depth + 1, secret || isNamed && i > 0)
    );
    return list.length > MAX_MEMBERS ? [...kept, `… ${list.length - MAX_MEMBERS} more`] : kept;
  }

  #text(text: string): string {
    const safe = redactText(text, Math.min(MAX_TEXT, Math.max(this.#characters, 0)));
    this.#characters -= safe.length;
    return safe;
  }

  #mask(text: string): string {
    if (text) this.secrets.add(text);
    return REDACTED;
  }
}

/** Lets the pairs of a map be read like members, the last of a name as with `Object.fromEntries()`. */
class Pairs {
  constructor(pairs: [unknown, unknown][]) {
    for (const [name, value] of pairs) {
      Object.defineProperty(this, String(name), { value, enumerable: true, configurable: true });
    }
  }
}

function read(owner: object, name: string): unknown {
  try {
    return Reflect.get(owner, name);
  } catch {
    return "[unreadable]";
  }
}

function scrubber(secrets: Set<unknown>): (text: string) => string {
  const texts = [...secrets].filter((one) => typeof one === "string").filter((one) =>
    one.length >= SHORTEST_SECRET
  );
  return (text) => texts.reduce((left, secret) => left.replaceAll(secret, REDACTED), text);
}

function mapTexts(
  members: { [name: string]: Plain },
  change: (text: string) => string,
): { [name: string]: Plain } {
  const map = (value: Plain): Plain => {
    if (typeof value === "string") return change(value);
    if (Array.isArray(value)) return value.map(map);
    return value && typeof value === "object" ? mapTexts(value, change) : value;
  };
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [change(name), map(value)]));
}
