/** A stored picture as the gallery tells it, and the way to its row and back. */
import { z } from "zod";
import type { ImageType } from "../core/media.ts";
import type { PictureTable } from "./schema.ts";

/** One stored picture, and what made it. */
export interface PictureRecord {
  /** Unique; also the name of its file. */
  name: string;
  /** When it was made, in ms since the epoch. */
  time: number;
  type: ImageType;
  /** Its size. */
  bytes: number;
  /** In pixels. */
  width: number;
  height: number;
  /** SHA-256 of its bytes in hex; empty until it was made. */
  hash: string;
  prompt: string;
  /** What was used instead of the prompt. */
  revisedPrompt?: string;
  /** Empty where nobody knows, as the other words below. */
  model: string;
  provider: string;
  task: string;
  /** The client's name, or `relay`. */
  client: string;
  requestId: string;
  seed?: number;
  /** Absent where no price is known. */
  costUsd?: number;
  /** What to run it again with. */
  request?: Record<string, unknown>;
  /** Whether its file is in the folder. */
  onDisk: boolean;
  /** Name of the object that holds its bytes in the bucket. */
  object?: string;
  /** Whether it is to be in the bucket. */
  uploadWanted: boolean;
}

const PROMPT_CHARACTERS = 32_000;
const SEARCH_CHARACTERS = 4000;
const WORD_CHARACTERS = 500;
const REQUEST_CHARACTERS = 64_000;
const REQUEST = z.record(z.string(), z.unknown());

/** The row of a picture. */
export function toPictureRow(record: PictureRecord): PictureTable {
  const { prompt, revisedPrompt } = record;
  return {
    name: record.name,
    time: record.time,
    type: record.type,
    bytes: record.bytes,
    width: record.width,
    height: record.height,
    hash: record.hash,
    model: text(record.model),
    provider: text(record.provider),
    task: text(record.task),
    client: text(record.client),
    request_id: text(record.requestId),
    seed: record.seed ?? null,
    cost_usd: record.costUsd ?? null,
    on_disk: record.onDisk ? 1 : 0,
    object: record.object ?? null,
    upload_wanted: record.uploadWanted ? 1 : 0,
    search: foldCase([prompt, revisedPrompt ?? ""].map((part) => text(part, SEARCH_CHARACTERS)).join("\n")),
    prompt: text(prompt, PROMPT_CHARACTERS),
    revised_prompt: revisedPrompt === undefined ? null : text(revisedPrompt, PROMPT_CHARACTERS),
    request: requestText(record.request),
  };
}

/** A picture from its row. */
export function toPicture(row: PictureTable): PictureRecord {
  return {
    name: row.name,
    time: row.time,
    type: row.type as ImageType,
    bytes: row.bytes,
    width: row.width,
    height: row.height,
    hash: row.hash,
    prompt: row.prompt,
    revisedPrompt: row.revised_prompt ?? undefined,
    model: row.model,
    provider: row.provider,
    task: row.task,
    client: row.client,
    requestId: row.request_id,
    seed: row.seed ?? undefined,
    costUsd: row.cost_usd ?? undefined,
    request: row.request === null ? undefined : REQUEST.parse(JSON.parse(row.request)),
    onDisk: row.on_disk === 1,
    object: row.object ?? undefined,
    uploadWanted: row.upload_wanted === 1,
  };
}

/**
 * A text in the form in which it is searched: without letter case and width, in any script. The database can't do
 * it, since SQLite knows the case of ASCII alone. By way of capitals, where ß is SS and ς is Σ.
 */
export function foldCase(text: string): string {
  return text.normalize("NFKC").toUpperCase().toLowerCase().replaceAll("ς", "σ");
}

/** A request too long to be kept, because of images in it, can't be run again from here. */
function requestText(request: PictureRecord["request"]): string | null {
  const json = request === undefined ? undefined : JSON.stringify(request);
  return json === undefined || json.length > REQUEST_CHARACTERS ? null : json;
}

/** Cut to length, without halves of characters and without NUL, which PostgreSQL refuses in a text. */
function text(value: string, length = WORD_CHARACTERS): string {
  return value.slice(0, length).toWellFormed().replaceAll("\0", "\uFFFD");
}
