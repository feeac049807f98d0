/** What a request gives, and what is remembered of it. */
import type { FailureKind } from "../core/failure.ts";
import type { Media } from "../core/media.ts";
import type { Usage } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import type { Shot } from "./attempt.ts";
import type { Attempt } from "./cascade.ts";

/** A picture that came out. */
export interface Picture extends Shot {
  /** Its name under `/storage/`, where pictures are stored. */
  name?: string;
}

/** What a request gave. */
export interface Result {
  pictures: Picture[];
  provider: string;
  model: string;
  attempts: number;
  costUsd?: number;
  /** What was changed on the way, one sentence each. */
  notes: string[];
  usage?: Usage;
  /** The request as the model that made the first picture got it. */
  request: ImageRequest;
  /**
   * Pending while the one picture is still arriving: it is read by whoever replies. Gives the result with all that
   * is known then, and rejects where the picture broke off.
   */
  arrived?: Promise<Result>;
}

/** One request's own circumstances. */
export interface Circumstances {
  requestId: string;
  /** Aborts when the client leaves. */
  signal: AbortSignal;
  /** Whether the reply carries the bytes themselves. */
  wantsBytes: boolean;
  /** Whether the reply can begin before the picture has arrived. Default false. */
  mayStream?: boolean;
  onPartial?: (media: Media, index: number) => void;
  /** Hears how far the work is, from 0 to 1. */
  onProgress?: (share: number) => void;
}

/** The story of a request as it is remembered. */
export interface Story {
  requestId: string;
  time: number;
  task: string;
  model: string;
  client: string;
  provider?: string;
  usedModel?: string;
  outcome: "ok" | FailureKind;
  /** HTTP status that was told. */
  status: number;
  error?: string;
  images: number;
  /** Of the images that were delivered, as far as known. */
  bytes?: number;
  durationMs: number;
  costUsd?: number;
  prompt: string;
  notes: string[];
  attempts: readonly Attempt[];
}

/** How a story ended. */
export type Ending = Pick<Story, "outcome" | "status" | "images" | "notes"> & Partial<Story>;
