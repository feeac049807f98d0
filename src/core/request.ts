/** What a caller wants, in our own words: the one form that every endpoint translates into. */
import type { Media } from "./media.ts";

/** What is to be done: make from words, change one image, join several, or vary one without words. */
export type Task = "generate" | "edit" | "blend" | "variation";

/** All tasks, in the order in which they are shown. */
export const TASKS = ["generate", "edit", "blend", "variation"] as const satisfies Task[];

/** Width and height in pixels. */
export interface Size {
  width: number;
  height: number;
}

/**
 * Wishes that some models know and others don't. A model's row lists those it accepts;
 * all others are left out before a provider sees the request, and told in the notes.
 */
export interface Wishes {
  quality?: string;
  /** OpenAI's `vivid` and `natural`, or one of our named styles. */
  style?: string;
  background?: string;
  moderation?: string;
  /** How closely an edit keeps to its inputs. */
  inputFidelity?: string;
  seed?: number;
  steps?: number;
  guidance?: number;
  negativePrompt?: string;
  /** Weight by LoRA address or id. */
  loraWeights?: Record<string, number>;
  outputFormat?: "png" | "jpeg" | "webp";
  /** 0–100, for jpeg and webp. */
  outputCompression?: number;
  /** A stable id of the end user, for the provider's abuse watch. */
  user?: string;
}

/** What is done to a prompt before any provider sees it. What is absent is as configured. */
export interface Rewriting {
  /** Into English, from any other language. */
  translate?: boolean;
  /** Enriched with detail. */
  expand?: boolean;
}

/** One request, whichever endpoint it came by. */
export interface ImageRequest extends Wishes {
  task: Task;
  prompt: string;
  /** As the caller wrote it: an id, an alias, `provider/model`, `auto` or empty. */
  model: string;
  /** The listed model that `model` was set up to be like. Known in a step's own request only. */
  like?: string;
  /** The provider the caller insists on, by any of its names. */
  provider?: string;
  /** How many images, 1–10; absent = as configured, else one. A step's own request says how many one call makes. */
  n?: number;
  /** Pixels asked for; absent = whatever the model does by itself. */
  size?: Size;
  /** Shape asked for without pixels, as width / height. */
  ratio?: number;
  /** Enhancers of the prompt by name, such as `sharp_focus`. */
  qualityEnhancers: string[];
  /** What the caller says about the prompt optimizer. */
  rewriting?: Rewriting;
  /** The form in which pictures are to be handed over, as far as their provider can't be told. */
  delivery?: { format?: "png" | "jpeg" | "webp"; /** 0–100, for jpeg and webp. */ quality?: number };
  /** Images to work on, in the caller's order. */
  inputs: Media[];
  mask?: Media;
  /** How many previews are wanted before the final image, 0–3. */
  partialImages: number;
  /** Merged into the provider's request as it is. */
  providerParams: Record<string, unknown>;
}
