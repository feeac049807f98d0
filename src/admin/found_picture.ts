/** A picture that was found as a file: what its bytes and its sidecar tell, made into a row of the index. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "zod";
import { HEADER_BYTES, type ImageFacts, readImageFacts } from "../core/image_facts.ts";
import { isRecord } from "../core/record.ts";
import { TASKS } from "../core/request.ts";
import type { PictureRecord } from "../store/picture_record.ts";

/** What the bytes of an image tell. */
export interface Inspected extends ImageFacts {
  bytes: number;
  /** SHA-256 in hex. */
  hash: string;
}

/** How far in the future the time of a sidecar may be, in ms: clocks differ, but not by more. */
const TOLERANCE = 24 * 60 * 60_000;

/**
 * Reads an image to its end, keeping no more than its beginning; `undefined` where the bytes are no image.
 * @throws whatever the stream does, and the signal's reason
 */
export async function inspect(
  stream: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): Promise<Inspected | undefined> {
  const hash = createHash("sha256");
  const beginning: Uint8Array[] = [];
  let facts: ImageFacts | undefined;
  let bytes = 0;
  for await (const chunk of stream) {
    signal?.throwIfAborted();
    hash.update(chunk);
    bytes += chunk.length;
    if (facts) continue;
    beginning.push(chunk);
    if (bytes < HEADER_BYTES) continue;
    facts = readImageFacts(Buffer.concat(beginning));
    // Whatever it is, nobody has to read the rest of it.
    if (!facts) return undefined;
  }
  facts ??= readImageFacts(Buffer.concat(beginning));
  return facts && { ...facts, bytes, hash: hash.digest("hex") };
}

const word = z.string().catch("");
const text = z.string().optional().catch(undefined);
const number = z.number().optional().catch(undefined);

const recordOr = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => isRecord(value) ? value : {}, schema);

/** Members of ours and of img-router's; whatever is of a wrong kind reads as absent. */
const sidecarSchema = recordOr(z.object({
  prompt: word,
  model: word,
  seed: number,
  timestamp: z.number().positive().optional().catch(undefined),
  /** Ours alone have it. */
  type: text,
  request: z.record(z.string(), z.unknown()).optional().catch(undefined),
  params: recordOr(z.object({
    task: z.enum(TASKS).optional().catch(undefined),
    provider: word,
    requestId: word,
    client: word,
    revisedPrompt: text,
    /** img-router's, where the prompt was changed. */
    originalPrompt: text,
    costUsd: number,
  })),
}));

/** What was found of a picture. */
export interface Found {
  name: string;
  inspected: Inspected;
  /** As it was read, unchecked. */
  sidecar: unknown;
  /** When the file was written. */
  modified: Date;
  /** The present, in ms since the epoch. */
  now: number;
  uploadWanted: boolean;
}

/** The row of a picture whose file is in the folder. */
export function recordOf({ name, inspected, sidecar, modified, now, uploadWanted }: Found): PictureRecord {
  const { params, ...told } = sidecarSchema.parse(sidecar);
  const isOurs = told.type !== undefined;
  const time = told.timestamp !== undefined && told.timestamp <= now + TOLERANCE
    ? Math.trunc(told.timestamp)
    : modified.getTime();
  return {
    name,
    time,
    ...inspected,
    prompt: params.originalPrompt ?? told.prompt,
    revisedPrompt: params.originalPrompt === undefined ? params.revisedPrompt : told.prompt,
    model: NO_MODELS.has(told.model) ? "" : told.model,
    provider: params.provider,
    task: params.task ?? TASKS.find((task) => task === told.model) ?? "generate",
    client: params.client,
    requestId: params.requestId,
    // img-router wrote 0 where it knew none.
    seed: isOurs || told.seed !== 0 ? told.seed : undefined,
    costUsd: params.costUsd,
    request: told.request,
    onDisk: true,
    uploadWanted,
  };
}

/** What img-router wrote where it knew no model. */
const NO_MODELS = new Set(["unknown", "edit", "blend"]);
