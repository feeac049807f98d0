/** What a provider's bad reply means: its own table first, its status second. */
import type { Failure, FailureKind } from "../core/failure.ts";
import type { FailureRow } from "../core/provider.ts";
import { isRecord } from "../core/record.ts";
import { readRpcDetails } from "./google_rpc.ts";

/** What can be learnt from a bad reply. */
export interface BadReply {
  status: number;
  headers?: Headers;
  /** The body as text; JSON is looked into. */
  body: string;
}

/** The longest wait that is believed, in ms, so that every stop ends within a day. */
const LONGEST_WAIT = 24 * 60 * 60_000;

/** What each HTTP status means where a provider says nothing more. */
const BY_STATUS: Record<number, FailureKind> = {
  400: "invalid_request",
  401: "key_rejected",
  402: "out_of_credit",
  403: "not_permitted",
  404: "model_not_found",
  408: "timed_out",
  409: "overloaded",
  413: "invalid_request",
  415: "invalid_request",
  422: "invalid_request",
  429: "rate_limited",
  504: "timed_out",
};

/**
 * Reads a bad reply by `rows`, then by its status. The wait comes from `retry-after-ms`, `retry-after`
 * (seconds or an HTTP date), the body, or the words "try again in/after 12.3 s".
 */
export function readFailure(reply: BadReply, rows: readonly FailureRow[] = [], now = Date.now()): Failure {
  const said = readErrorBody(reply.body);
  const wait = readWait(reply.headers, said, now);
  const row = rows.find((row) =>
    (row.status === undefined || row.status === reply.status) &&
    (row.code === undefined || row.code.test(said.code ?? "") || row.code.test(said.type ?? "")) &&
    (row.text === undefined || row.text.test(said.message))
  );
  const byStatus = BY_STATUS[reply.status] ?? (reply.status >= 500 ? "overloaded" : "malformed_reply");
  return {
    kind: row?.kind ?? byStatus,
    message: said.message || `HTTP ${reply.status}`,
    status: reply.status,
    // A code that repeats the status tells nothing.
    code: said.code === String(reply.status) ? undefined : said.code,
    param: said.param,
    retryAfterMs: wait === undefined ? undefined : Math.min(wait, LONGEST_WAIT),
    ...row?.modelOnly && { modelOnly: true },
  };
}

/** The parts of an error body, whichever of the usual shapes it has. */
export interface ErrorBody {
  message: string;
  code?: string;
  type?: string;
  param?: string;
  /** How long to wait, in ms. */
  waitMs?: number;
}

/**
 * Looks into an error body: `{error: {message, code, type, param}}`, the same as `errors` or in a one-element array,
 * `{error: "text", message}`, `{message}`, `{detail}`, `{description, code}`, FastAPI's `{detail: [{loc, msg}]}`, Google's
 * `{error: {message, status, details}}`, Replicate's `{detail, invalid_fields}`, or plain text; messages are cut
 * at 500 characters.
 */
export function readErrorBody(body: string): ErrorBody {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return { message: body.replace(/<[^>]{0,200}>/g, " ").replace(/\s+/g, " ").trim().slice(0, 500) };
  }
  if (Array.isArray(json)) json = json[0];
  const outer = isRecord(json) ? json : {};
  const inner = isRecord(outer.error) ? outer.error : isRecord(outer.errors) ? outer.errors : outer;
  const invalid = invalidField(outer.detail);
  const rpc = readRpcDetails(inner.details);
  const status = typeof inner.status === "string" && inner !== outer ? inner.status : undefined;
  const message = [
    invalid?.message,
    inner.message,
    outer.message,
    outer.error,
    outer.detail,
    outer.description,
  ].find((part) => typeof part === "string");
  const seconds = Number(inner.retry_after ?? outer.retry_after ?? NaN);
  return {
    message: ((message as string | undefined) ?? body).slice(0, 500),
    code: rpc.code ?? status ?? textOf(inner.code) ?? textOf(outer.code),
    type: textOf(inner.type) ?? status,
    param: textOf(inner.param) ?? rpc.param ?? invalid?.param ?? invalidInput(outer.invalid_fields) ??
      flattened(inner.details),
    waitMs: rpc.waitMs ?? (seconds >= 0 ? seconds * 1000 : undefined),
  };
}

/** The first complaint of FastAPI about a body: `{detail: [{loc: ["body", "width"], msg}]}`. */
function invalidField(detail: unknown): { message: string; param?: string } | undefined {
  const [first] = Array.isArray(detail) ? detail : [];
  if (!isRecord(first) || typeof first.msg !== "string") return undefined;
  const place = Array.isArray(first.loc)
    ? first.loc.filter((part) => part !== "body" && part !== "query").join(".")
    : "";
  return place ? { message: `${place}: ${first.msg}`, param: place } : { message: first.msg };
}

/** The first field that Replicate complains of: `{invalid_fields: [{field: "input.width"}]}`. */
function invalidInput(fields: unknown): string | undefined {
  const [first] = Array.isArray(fields) ? fields : [];
  return isRecord(first) ? textOf(first.field)?.replace(/^input\./, "") : undefined;
}

/** The first field in what zod calls a flattened error: `{details: {fieldErrors: {size: ["…"]}}}`. */
function flattened(details: unknown): string | undefined {
  const fields = isRecord(details) ? details.fieldErrors : undefined;
  return isRecord(fields) ? Object.keys(fields)[0] : undefined;
}

function readWait(headers: Headers | undefined, said: ErrorBody, now: number): number | undefined {
  const ms = Number(headers?.get("retry-after-ms") ?? NaN);
  if (ms >= 0) return ms;
  const after = headers?.get("retry-after");
  if (after) {
    const seconds = Number(after);
    if (seconds >= 0) return seconds * 1000;
    const date = Date.parse(after);
    if (!Number.isNaN(date)) return Math.max(0, date - now);
  }
  if (said.waitMs !== undefined) return said.waitMs;
  return waitInWords(said.message);
}

/** Beginnings of units, the longer first, in ms. */
const UNITS: [RegExp, number][] = [[/^m(s|illi)/i, 1], [/^s/i, 1000], [/^m/i, 60_000], [/^h/i, 3_600_000]];
const PART = String
  .raw`(\d+(?:\.\d+)?) ?(ms|milliseconds?|s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:ours?)?)\b`;
const WAIT = new RegExp(`(?:try again|retry|resets) (?:in|after) ~?((?:${PART}[ ,]*){1,3})`, "i");

/** `try again in 12.3s`, `in 500 milliseconds`, `after 1m30s`; in ms. */
function waitInWords(message: string): number | undefined {
  // `1m30s` has no end of a word between its parts.
  const words = WAIT.exec(message.replace(/(\d ?[a-z]+)(?=\d)/gi, "$1 "))?.[1];
  if (words === undefined) return undefined;
  let wait = 0;
  for (const [, count, unit] of words.matchAll(new RegExp(PART, "gi"))) wait += Number(count) * unitOf(unit!);
  return wait;
}

function unitOf(word: string): number {
  return UNITS.find(([beginning]) => beginning.test(word))![1];
}

function textOf(value: unknown): string | undefined {
  if (typeof value === "string" && value !== "") return value;
  return typeof value === "number" ? String(value) : undefined;
}
