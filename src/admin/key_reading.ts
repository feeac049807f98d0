/**
 * Reads keys out of whatever people paste: plain lists, `provider:key`, CSV with and without a header, and
 * exports of img-router, new-api and gpt-load. It only says what stands there; nothing is stored.
 */
import { Readable } from "node:stream";
import { parse } from "csv-parse";
import { parse as parseAtOnce } from "csv-parse/sync";
import { isRecord } from "../core/record.ts";
import { turn } from "../store/chunks.ts";
import type { Provider } from "../core/provider.ts";

/** A key as it stood in the text. */
export interface ReadKey {
  /** Where it stood: the line, counted from 1, or in JSON the number of the entry. */
  line: number;
  key: string;
  /** The provider, if its shape, its address or a word beside it told; else it is unknown. */
  provider?: Provider;
  name?: string;
  baseUrl?: string;
  models?: string[];
  enabled?: boolean;
}

/** What reading depends on. */
export interface ReadingOptions {
  findProvider: (name: string) => Provider | undefined;
  recogniseKey: (key: string) => Provider | undefined;
  providers: readonly Provider[];
  /** The provider of all keys, whatever they look like. */
  only?: Provider;
}

/** Rows that are looked at before others get a turn. */
const BATCH = 500;
/** A shorter word beside a longer one that looks like a key is its name, such as `sk-main`. */
const LONG = 20;
const HEADER = /^(api[-_ ]?)?keys?$|^(token|secret|key_value|密钥|令牌)$/i;

/** Reads a text, a batch of rows at a time. */
export async function* readKeys(text: string, options: ReadingOptions): AsyncGenerator<ReadKey[]> {
  const clean = text.replace(/^\uFEFF/, "");
  const json = /^\s*[[{]/.test(clean) ? parseJson(clean) : undefined;
  const found = json === undefined ? ofText(clean, options) : ofJson(json, options);
  let batch: ReadKey[] = [];
  for await (const key of found) {
    batch.push(key);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
    await turn();
  }
  if (batch.length > 0) yield batch;
}

/** Whether a text could travel as a key: no blanks, nothing that a header can't carry. */
export function isSendable(key: string): boolean {
  return /^[\x21-\x7e]{4,1000}$/.test(key);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Row {
  line: number;
  cells: string[];
}

const DELIMITERS = [",", ";", "\t", "，"];
const PIECE = 64 * 1024;

function ofText(text: string, options: ReadingOptions): AsyncGenerator<ReadKey> {
  const first = text.split("\n").find((line) => line.trim() !== "") ?? "";
  const header = cellsOf(first);
  const isHeader = header.some((cell) => HEADER.test(cell)) &&
    !header.some((cell) => options.recogniseKey(cell));
  return isHeader ? ofTable(text, options) : ofLines(text, options);
}

/** A table with a header; cells may hold several lines. */
async function* ofTable(text: string, options: ReadingOptions): AsyncGenerator<ReadKey> {
  const rows = await tableOf(text).catch(() => undefined);
  // With a quote that is never closed it is no table: each line is read for itself.
  if (!rows) return yield* ofLines(text, options);
  for (const { record, info } of rows) yield* ofEntry(record, info.lines, {}, options);
}

interface TableRow {
  record: Record<string, string>;
  info: { lines: number };
}

async function tableOf(text: string): Promise<TableRow[]> {
  const pieces = function* () {
    for (let start = 0; start < text.length; start += PIECE) yield text.slice(start, start + PIECE);
  };
  const parser = Readable.from(pieces()).pipe(parse({
    delimiter: DELIMITERS,
    columns: (names: string[]) => names.map((name) => name.toLowerCase()),
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
    info: true,
  }));
  const rows: TableRow[] = [];
  for await (const row of parser) rows.push(row as TableRow);
  return rows;
}

/** Lines without a header, each for itself. */
async function* ofLines(text: string, options: ReadingOptions): AsyncGenerator<ReadKey> {
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const trimmed = line.trim();
    if (index % BATCH === BATCH - 1) await turn();
    if (trimmed === "" || /^(#|\/\/)/.test(trimmed)) continue;
    const [, prefix, value] = VARIABLE.exec(trimmed) ?? [];
    const owner = options.providers.find(({ env }) => env !== undefined && env === prefix);
    yield* ofCells(cellsOf(value ?? trimmed), index + 1, options, owner);
  }
}

/** `GITEE_API_KEYS=…`, as it stands in a file of variables. */
const VARIABLE = /^(?:export\s+)?([A-Z][A-Z0-9]*)_API_KEYS?\s*=\s*(.*)$/;

function cellsOf(line: string): string[] {
  const cells = line.includes('"') ? quotedCells(line) : line.split(/[,;\t，]/);
  return cells.map((cell) => cell.trim());
}

function quotedCells(line: string): string[] {
  try {
    return parseAtOnce(line, { delimiter: DELIMITERS, relax_quotes: true, trim: true })[0] ?? [];
  } catch {
    return line.split(/[,;\t，]/);
  }
}

/** A row without a header: what each cell is shows by its shape. */
function* ofCells(
  cells: readonly string[],
  line: number,
  options: ReadingOptions,
  owner?: Provider,
): Generator<ReadKey> {
  const words = cells.length === 1 ? cells[0]!.split(/\s+/) : cells;
  const left = words.map((word) => word.replace(/^["'`]+|["'`]+$/g, "")).filter((word) => word !== "");
  const provider = owner ?? takeFirst(left, (word) => options.findProvider(word.replace(/[:=]$/, "")));
  const baseUrl = takeFirst(left, readAddress);
  const shaped = left.filter((word) => options.recogniseKey(word) || prefixed(word, options));
  const long = shaped.filter((word) => word.length >= LONG);
  // Without a shape to go by, the last word that could be a key is the key: names stand before.
  const plain = left.filter(isSendable).sort((a, b) => a.length - b.length);
  const keys = long.length > 0 ? long : shaped.length > 0 ? shaped.slice(-1) : plain.slice(-1);
  const name = left.filter((word) => !keys.includes(word)).join(" ");
  if (keys.length === 0 && left.length > 0) yield { line, key: left.join(" ") };
  for (const key of keys) {
    yield settle({ line, key, name: keys.length > 1 ? undefined : name, baseUrl }, provider, options);
  }
}

/** Takes the first word out of a list of which `read` makes something. */
function takeFirst<T>(words: string[], read: (word: string) => T | undefined): T | undefined {
  for (const [index, word] of words.entries()) {
    const value = read(word);
    if (value === undefined) continue;
    words.splice(index, 1);
    return value;
  }
  return undefined;
}

/** What outer levels of an export say about the keys within. */
interface Around {
  provider?: Provider | "foreign";
  name?: string;
  baseUrl?: string;
  models?: string[];
}

/** Exports nest keys in many ways, and all call them by one of a few names. */
function* ofJson(json: unknown, options: ReadingOptions): Generator<ReadKey> {
  let count = 0;
  const walk = function* (value: unknown, around: Around, depth: number): Generator<ReadKey> {
    if (depth > 8) return;
    if (typeof value === "string") {
      count++;
      if (around.provider !== undefined || options.recogniseKey(value)) {
        yield* ofEntry({ key: value }, count, around, options);
      }
    } else if (Array.isArray(value)) {
      for (const item of value) yield* walk(item, around, depth + 1);
    } else if (isRecord(value)) {
      if (KEY_MEMBERS.some((member) => typeof value[member] === "string")) {
        yield* ofEntry(value, ++count, around, options);
        return;
      }
      const within = { ...around, ...aboutOf(isRecord(value.group) ? value.group : value, options) };
      for (const [member, inner] of Object.entries(value)) {
        if (typeof inner !== "object" || inner === null || OTHER_LISTS.has(member)) continue;
        const named = options.findProvider(member);
        yield* walk(inner, named ? { ...within, provider: named } : within, depth + 1);
      }
    }
  };
  yield* walk(json, {}, 0);
}

const KEY_MEMBERS = ["key", "api_key", "apiKey", "api-key", "key_value", "keys", "token", "secret"];
/** Members of an export that hold no key of a pool. */
const OTHER_LISTS = new Set([
  ...["models", "upstreams", "model_mapping", "group", "setting", "settings", "config"],
  ...["system", "storage", "promptOptimizer"],
]);

/** Channel types of new-api that stand for providers of ours. */
const CHANNEL_TYPES: Record<string, string> = {
  "1": "OpenAI",
  "8": "NewApi",
  "24": "Gemini",
  "45": "Doubao",
  "56": "Replicate",
};

function aboutOf(entry: Record<string, unknown>, { findProvider }: ReadingOptions): Around {
  const member = (...names: string[]) =>
    names.map((name) => textOf(entry[name])).find((text) => text !== undefined);
  const [upstream] = Array.isArray(entry.upstreams) ? entry.upstreams : [];
  const { models } = entry;
  const list = typeof models === "string"
    ? models.split(/[,，\s]+/)
    : Array.isArray(models)
    ? models
    : undefined;
  const type = textOf(entry.type);
  const word = member("provider", "channel_type", "提供商") ?? (/^\d+$/.test(type ?? "") ? type : undefined);
  const about = {
    provider: word === undefined
      ? undefined
      : findProvider(CHANNEL_TYPES[word] ?? word) ?? "foreign" as const,
    name: member("name", "title", "label", "display_name", "名称"),
    baseUrl: readAddress(
      member("baseUrl", "base_url", "baseurl", "url", "address") ??
        (isRecord(upstream) ? textOf(upstream.url) : undefined) ?? "",
    ),
    models: list?.map(textOf).filter((id) => id !== undefined),
  };
  return Object.fromEntries(Object.entries(about).filter(([, value]) => value !== undefined));
}

/** An entry with named members; several keys may share one, a line each. */
function* ofEntry(
  entry: Record<string, unknown>,
  line: number,
  around: Around,
  options: ReadingOptions,
): Generator<ReadKey> {
  const about: Around = { ...around, ...aboutOf(entry, options) };
  const keyMember = Object.keys(entry).find((member) => HEADER.test(member) && textOf(entry[member]));
  const keys = (textOf(keyMember && entry[keyMember]) ?? "").split(/[\r\n]+|,(?=\S)/)
    .map((key) => key.trim()).filter((key) => key !== "");
  const { name, baseUrl, models, provider } = about;
  for (const key of keys) {
    const read = {
      line,
      key,
      name: keys.length > 1 ? undefined : name,
      baseUrl,
      models,
      enabled: isOn(entry),
    };
    yield settle(read, provider, options);
  }
}

/** new-api counts 1 as on; img-router and gpt-load have words, of which those for a pause mean on. */
function isOn({ enabled, status, disabled }: Record<string, unknown>): boolean | undefined {
  if (/^(false|0|no|off)$/i.test(String(enabled)) || disabled === true) return false;
  if (/^(disabled|invalid|[23])$/i.test(String(status))) return false;
  return undefined;
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
}

function readAddress(text: string): string | undefined {
  if (!/^https?:\/\//i.test(text)) return undefined;
  const url = URL.parse(text);
  return url && !url.username && !url.password ? text.replace(/[?#].*$/, "").replace(/\/+$/, "") : undefined;
}

/** Settles whose key it is: a word before it, its address, what was said beside it, its shape; in this order. */
function settle(read: ReadKey, said: Around["provider"], options: ReadingOptions): ReadKey {
  const prefix = prefixed(read.key, options);
  const key = prefix?.key ?? read.key;
  const { baseUrl, name, ...rest } = read;
  const common = { ...rest, key, ...name && { name } };
  const named = options.only ?? prefix?.provider ?? (said === "foreign" ? undefined : said);
  // Keys of other services may look like one of ours, such as those that begin with `sk-`.
  const shape = said === "foreign" ? undefined : options.recogniseKey(key);
  const provider = named ?? shape;
  if (baseUrl === undefined) return { ...common, provider };
  const host = hostOf(baseUrl);
  const owner = options.providers.find((candidate) =>
    candidate.baseUrl && hostOf(candidate.baseUrl) === host
  );
  // "OpenAI" often means no more than its dialect: then the address tells who is spoken to.
  const isOpen = !options.only && (provider === undefined || provider === options.findProvider("OpenAI"));
  // At its provider's own address a key needs no address of its own.
  if (owner && (isOpen || provider === owner)) return { ...common, provider: owner };
  if (said === "foreign" && provider === undefined) return common;
  const speaks = options.findProvider("openai-compatible");
  const at = isOpen ? speaks : provider;
  return { ...common, provider: at, baseUrl: at === speaks ? withVersion(baseUrl) : baseUrl };
}

/** Other gateways leave the version off their addresses. */
function withVersion(baseUrl: string): string {
  return new URL(baseUrl).pathname === "/" ? `${baseUrl}/v1` : baseUrl;
}

/** `gitee:KEY`; keys of some providers hold colons of their own, so only a provider's name counts. */
function prefixed(
  word: string,
  { findProvider }: ReadingOptions,
): { provider: Provider; key: string } | undefined {
  const colon = word.indexOf(":");
  const provider = colon > 0 && colon < word.length - 1 ? findProvider(word.slice(0, colon)) : undefined;
  return provider && { provider, key: word.slice(colon + 1).trim() };
}

function hostOf(url: string): string {
  return new URL(url).host;
}
