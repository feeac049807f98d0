/** A request and its attempts as the history tells them, and the way to their rows and back. */
import type { AttemptTable, RequestTable } from "./schema.ts";
import { readTexts } from "./stored_json.ts";

/** One request, as it ended. */
export interface RequestRecord {
  /** The request id; one that a caller used before gets an ending, so that nothing is hidden by it. */
  id: string;
  /** When it came, in ms since the epoch. */
  time: number;
  task: string;
  /** The model as it was asked for. */
  model: string;
  /** Who delivered, or else was asked last. */
  provider?: string;
  usedModel?: string;
  /** The client's name, or `relay`. */
  client: string;
  /** The HTTP status told to the caller. */
  status: number;
  /** `ok`, or the kind of failure. */
  outcome: string;
  error?: string;
  /** How many images were delivered. */
  images: number;
  durationMs: number;
  /** Absent where no price is known. */
  costUsd?: number;
  /** Its first 2000 characters are kept. */
  prompt: string;
  notes: string[];
}

/** One call to a provider on behalf of a request. */
export interface AttemptRecord {
  provider: string;
  model: string;
  keyName?: string;
  outcome: string;
  /** The HTTP status of the provider's reply. */
  status?: number;
  /** From the request's start. */
  startedMs: number;
  durationMs: number;
  message?: string;
  costUsd?: number;
}

const PROMPT_CHARACTERS = 2000;
const TEXT_CHARACTERS = 4000;

/** The row of a request; `id` is the one it is stored under. */
export function toRequestRow(id: string, request: RequestRecord): RequestTable {
  return {
    id,
    time: request.time,
    task: request.task,
    model: text(request.model),
    provider: request.provider ?? null,
    used_model: request.usedModel ?? null,
    client: text(request.client),
    status: request.status,
    outcome: request.outcome,
    error: textOrNull(request.error),
    images: request.images,
    duration_ms: request.durationMs,
    cost_usd: request.costUsd ?? null,
    prompt: text(request.prompt, PROMPT_CHARACTERS),
    notes: JSON.stringify(request.notes),
  };
}

/** The row of an attempt; `position` counts from 0. */
export function toAttemptRow(requestId: string, position: number, attempt: AttemptRecord): AttemptTable {
  return {
    request_id: requestId,
    position,
    provider: attempt.provider,
    model: text(attempt.model),
    key_name: textOrNull(attempt.keyName),
    outcome: attempt.outcome,
    status: attempt.status ?? null,
    started_ms: attempt.startedMs,
    duration_ms: attempt.durationMs,
    message: textOrNull(attempt.message),
    cost_usd: attempt.costUsd ?? null,
  };
}

/** A request from its row. */
export function toRequest(row: RequestTable): RequestRecord {
  return {
    id: row.id,
    time: row.time,
    task: row.task,
    model: row.model,
    provider: row.provider ?? undefined,
    usedModel: row.used_model ?? undefined,
    client: row.client,
    status: row.status,
    outcome: row.outcome,
    error: row.error ?? undefined,
    images: row.images,
    durationMs: row.duration_ms,
    costUsd: row.cost_usd ?? undefined,
    prompt: row.prompt,
    notes: readTexts(row.notes),
  };
}

/** An attempt from its row. */
export function toAttempt(row: AttemptTable): AttemptRecord {
  return {
    provider: row.provider,
    model: row.model,
    keyName: row.key_name ?? undefined,
    outcome: row.outcome,
    status: row.status ?? undefined,
    startedMs: row.started_ms,
    durationMs: row.duration_ms,
    message: row.message ?? undefined,
    costUsd: row.cost_usd ?? undefined,
  };
}

/** Cut to length, without halves of characters and without NUL, which PostgreSQL refuses in a text. */
function text(value: string, length = TEXT_CHARACTERS): string {
  return value.slice(0, length).toWellFormed().replaceAll("\0", "\uFFFD");
}

function textOrNull(value: string | undefined): string | null {
  return value === undefined ? null : text(value);
}
