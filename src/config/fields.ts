/** The settings as a flat list: what reads variables, words faults and draws forms walks this, not the schema. */
import { z } from "zod";
import { type About, abouts, splitList } from "./schema.ts";

/** One setting. */
export interface Field extends About {
  /** Where it stands: `["system", "port"]`. */
  keys: string[];
  /** The same in one word: `system.port`. */
  path: string;
  kind: "boolean" | "number" | "text" | "list" | "object";
  /** The choices, where it is a choice. */
  options?: string[];
  /** The built-in value; absent = none. */
  default?: unknown;
  /** What is allowed, in words. */
  expected: string;
}

/** All settings of a schema, in its order, and the objects they stand in. */
export interface Fields {
  fields: Field[];
  /** Paths of the objects around the settings, outer ones first. */
  groups: string[][];
}

type Node = z.core.JSONSchema.BaseSchema & Partial<About>;

/** Lists the settings of a configuration schema. */
export function fieldsOf(schema: z.ZodType): Fields {
  const all: Fields = { fields: [], groups: [] };
  collect(z.toJSONSchema(schema, { metadata: abouts }), [], all);
  return all;
}

function collect(node: Node, keys: string[], all: Fields): void {
  if (node.properties === undefined) {
    all.fields.push(toField(node, keys));
    return;
  }
  if (keys.length > 0) all.groups.push(keys);
  for (const [key, child] of Object.entries(node.properties)) {
    if (typeof child === "object") collect(child, [...keys, key], all);
  }
}

function toField(node: Node, keys: string[]): Field {
  const { title = keys.join("."), description = "", env, envDefault, environmentOnly, secret, restart } =
    node;
  return {
    keys,
    path: keys.join("."),
    kind: kindOf(node),
    options: node.enum?.map(String),
    default: node.default,
    expected: node.expected ?? expectation(node),
    title,
    description,
    env,
    envDefault,
    environmentOnly,
    secret,
    restart,
    ignoredInFile: node.ignoredInFile,
    synonyms: node.synonyms,
  };
}

function kindOf({ type }: Node): Field["kind"] {
  switch (type) {
    case "boolean":
      return "boolean";
    case "integer":
    case "number":
      return "number";
    case "array":
      return "list";
    case "object":
      return "object";
    default:
      return "text";
  }
}

function expectation({ type, enum: options, minimum, maximum, format }: Node): string {
  if (options !== undefined) return `one of ${options.join(", ")}`;
  if (type === "boolean") return "true or false";
  if (type === "array") return "a list of texts";
  if (type === "integer" || type === "number") {
    const number = type === "integer" ? "a whole number" : "a number";
    // zod says "a whole number" with the limits of exact integers, which nobody has to be told.
    if (maximum === undefined || maximum === Number.MAX_SAFE_INTEGER) {
      return `${number}, ${minimum ?? 0} or more`;
    }
    return `${number} from ${minimum} to ${maximum}`;
  }
  return format === "uri" ? "an http:// or https:// address" : "a text";
}

const WORDS: Record<string, boolean> = {
  true: true,
  "1": true,
  yes: true,
  on: true,
  false: false,
  "0": false,
  no: false,
  off: false,
};

/**
 * Reads a setting that was written as text, as variables are. Text that does not fit is given back as it
 * is, for the schema to refuse.
 */
export function readText({ kind, options, synonyms }: Field, text: string): unknown {
  const trimmed = text.trim();
  const lower = trimmed.toLowerCase();
  if (kind === "boolean") return Object.hasOwn(WORDS, lower) ? WORDS[lower] : trimmed;
  if (kind === "number") return /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed;
  if (kind === "list") return splitList(trimmed);
  const word = synonyms?.[lower] ?? lower;
  return options?.includes(word) ? word : trimmed;
}

/** Names of the variables that set a field directly, in the order in which lists are joined. */
export function variablesOf({ env }: Field): string[] {
  return env === undefined ? [] : [env].flat();
}
