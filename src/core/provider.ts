/**
 * What a provider is: an identity, keys, rows of models and a function a task. Everything else, splitting,
 * retries, storage, is the gateway's, so that a provider fits in one file.
 */
import type { z } from "@hono/zod-openapi";
import type { FailureKind } from "./failure.ts";
import type { ImageType, Media } from "./media.ts";
import type { Growth } from "./pause.ts";
import type { ImageRequest, Task, Wishes } from "./request.ts";
import type { SizeRule } from "./size.ts";

/** One model of a provider, as data. */
export interface Model<T extends Task = Task> {
  id: string;
  /** The listed model whose limits it was given, where it is not listed itself. */
  like?: string;
  /** Ids of the same model at other addresses of its provider; they are taken and not listed. */
  namesakes?: readonly string[];
  tasks: readonly T[];
  /** Images one call can give. Default 1; more are made by several calls. */
  maxImages?: number;
  /** Input images it takes. Default 1. */
  maxInputs?: number;
  /** Whether an edit can be limited to a mask. */
  mask?: boolean;
  /** What its input images may be; checked, and converted where that helps, before any call. */
  inputs?: InputLimits;
  /** Default: any size is passed on. */
  sizes?: SizeRule;
  /** `WxH` used where the caller named no size; absent = the provider decides. */
  defaultSize?: string;
  /** The wishes it obeys; all others are left out and told. */
  wishes?: readonly (keyof Wishes)[];
  /** Values of `quality` it knows, from lowest to highest. Default: any is passed on. */
  qualities?: readonly string[];
  /** Previews it can send while it works. Default 0. */
  maxPartials?: number;
  /** Longest call in ms, where it is longer than the configured limit. */
  timeoutMs?: number;
  /** Addresses that serve it where the base address does not, in the order in which they are tried. */
  hosts?: readonly string[];
  /** Whether it can be used without a key. It is then, as long as no key is set up, and only if it is named. */
  keyless?: boolean;
  prices?: Prices;
  /** How good its pictures are, 0–100, for the `quality` strategy. */
  rating?: number;
  /** The day on which its provider stops it, ISO date. */
  retires?: string;
}

/** What an input image may be. What is absent is not limited. */
export interface InputLimits {
  /** Types that are taken; others are converted to the first of these. */
  types?: readonly ImageType[];
  maxBytes?: number;
  maxPixels?: number;
  /** Shortest and longest edge in pixels. */
  edge?: readonly [least: number, most: number];
  /** Whether an address that the caller gave is passed on untouched, unread. Default false: bytes are sent. */
  takesUrls?: boolean;
}

/** Prices in US-dollars. What is absent is unknown, not zero. */
export interface Prices {
  /** Per image; the first row whose conditions hold. */
  images?: readonly { usd: number; quality?: string; maxPixels?: number; square?: boolean }[];
  /** Per million pixels. */
  megapixel?: number;
  /** Per million tokens. */
  tokens?: { textIn: number; imageIn: number; imageOut: number };
}

/** Token counts as OpenAI tells them. */
export interface Usage {
  inputTextTokens: number;
  inputImageTokens: number;
  outputTokens: number;
}

/** One image that came out. */
export interface MadeImage {
  media: Media;
  /** The prompt as the provider rewrote it. */
  revisedPrompt?: string;
  seed?: number;
}

/** What a call gave. */
export interface Made {
  images: MadeImage[];
  usage?: Usage;
  /** What the provider says it cost, in US-dollars. */
  costUsd?: number;
  /** What the reply says after an image that is still arriving; known once that has arrived. */
  rest?: Promise<Rest>;
}

/** What stood in a reply behind its first image. */
export interface Rest extends Omit<Made, "rest"> {
  /** What it tells of the first image. */
  first?: Omit<MadeImage, "media">;
}

/** Reads a successful reply. @throws Failed `malformed_reply` where it is not what was agreed on. */
export type ReadReply<T> = (response: Response) => Promise<T>;

/** How a job is known at its provider, written to the journal before the first wait. */
export interface Ticket {
  id: string;
  /** Where to ask for its state, if the provider named an address. */
  url?: string;
  /** What it will cost, in US-dollars, where the provider tells that at once. */
  costUsd?: number;
}

/** How a call departs from the usual one. */
export interface CallInit {
  headers?: Record<string, string>;
  /**
   * Statuses beside 2xx that are no failure, such as 303 or 202 of a service that lets one wait.
   * Their replies are handed to `read`.
   */
  accepts?: readonly number[];
  /**
   * Whether the address may be at a foreign host, which is then not shown the key. Only for addresses that the
   * operator named: it is not fetched through the guard.
   */
  mayBeForeign?: boolean;
}

/** The open line to a provider: keys, time limit and failures are taken care of. */
export interface Call {
  /** Aborts when the client leaves or the limit is reached. */
  readonly signal: AbortSignal;
  /** The key itself, for services whose keys are made of parts; it is sent by `KeyShape.send` in any case. */
  readonly key: string;
  /**
   * The base address, without a slash at its end. Paths are relative to it; a whole address as path is taken
   * if it is at the provider's own hosts, and refused otherwise, since the key goes along.
   */
  readonly baseUrl: string;
  /** Whether an image may be handed on before its reply has ended. */
  readonly mayStream: boolean;
  /** The addresses of the model's row, without slashes at their ends; empty = the base address. */
  readonly hosts: readonly string[];
  /** Ms since the epoch. */
  now(): number;
  /** Sends JSON. @throws Failed */
  post<T>(path: string, body: unknown, read: ReadReply<T>, init?: CallInit): Promise<T>;
  /** Sends JSON with another method. @throws Failed */
  send<T>(method: string, path: string, body: unknown, read: ReadReply<T>, init?: CallInit): Promise<T>;
  /** Sends a multipart form. @throws Failed */
  form<T>(path: string, form: FormData, read: ReadReply<T>, init?: CallInit): Promise<T>;
  /** Asks. @throws Failed */
  get<T>(path: string, read: ReadReply<T>, init?: CallInit): Promise<T>;
  /** A result at an address that the provider named: fetched through the guard, without the key. */
  image(url: string): Media;
  /** A result at the provider's own host that is only given to the holder of the key. */
  ownImage(url: string, init?: CallInit): Media;
  /** An address at which the provider can fetch an input: the caller's own, or one of ours; else nothing. */
  publish(media: Media): Promise<string | undefined>;
  /** Hands a preview up to a caller who streams. */
  partial(media: Media, index: number): void;
  /** Tells how far the work is, from 0 to 1. */
  progress(share: number): void;
  /** Tells that the provider took the job on: from here on it may cost money. */
  accepted(ticket: Ticket): void;
  /** Tells of something that was changed on the way, for the notes. */
  note(text: string): void;
  /** Pauses between two questions: `turn` counts from 1, and the wait grows with it, with chance in it. */
  pause(turn: number, growth: Growth): Promise<void>;
  /** Pauses for `ms`. */
  sleep(ms: number): Promise<void>;
  /** The same line for a last word after the client left, with its own short limit. */
  afterwards(): Call;
}

/** Does one task with one call, or fails with `Failed`. `n` and all limits are already those of the model. */
export type Operation = (request: ImageRequest, call: Call) => Promise<Made>;

/** A row of a provider's table of failures. The first that matches a bad reply wins. */
export interface FailureRow {
  kind: FailureKind;
  /** HTTP status of the reply. */
  status?: number;
  /** The provider's code or type. */
  code?: RegExp;
  /** The provider's words. */
  text?: RegExp;
  /** Whether the key stays good for other models. */
  modelOnly?: boolean;
}

/** A model that a service told of: its id, and what is known of it. */
export type DiscoveredModel = { id: string } & Partial<Model>;

/** What the configuration says of where models are served, outside of the providers' own settings. */
export interface ServedModels {
  /** Addresses of Spaces by model, as img-router has them; an empty text is none. */
  hfModelMap: Readonly<Record<string, { main?: string | null; backup?: string | null } | null>>;
}

/** How a provider's keys look and travel. */
export interface KeyShape {
  pattern: RegExp;
  /** Made up, for documents and tests. */
  sample: string;
  /** Where a person gets one. */
  help?: string;
  /** The headers that carry it. */
  send(key: string): Record<string, string>;
}

/** A provider as it is registered. */
export interface Provider {
  /** The one name used in configuration, API, log and panel. */
  name: string;
  /** Other names that are understood. */
  aliases?: readonly string[];
  /** Prefix of its environment variables; absent = it has none. */
  env?: string;
  /** Absent where the operator has to name one. */
  baseUrl?: string;
  keys: KeyShape;
  /** Whether all of it works without a key of ours, as the local painter does. */
  keyless?: boolean;
  /** Weight where the configuration names none. Default 10; 0 = never by itself. */
  weight?: number;
  models: readonly Model[];
  /** Model of each task where nobody names one; the first model with the task if absent. */
  defaults?: Partial<Record<Task, string>>;
  /** Ids that the provider has stopped, and what it offers instead. */
  successors?: Readonly<Record<string, string>>;
  /** Ids that are not listed and are passed on all the same, with the limits of the listed model `like`. */
  unlisted?: { pattern: RegExp; like: string };
  operations: Partial<Record<Task, Operation>>;
  /** How many images one call gives, where that depends on the request and not on the model alone. */
  imagesPerCall?(request: ImageRequest, model: Model): number | undefined;
  /** Default: read by status alone. */
  failures?: readonly FailureRow[];
  /** Hosts besides that of the base address to which the key may go: `host` or `*.domain`. */
  ownHosts?: readonly string[];
  /** Models that the configuration adds, or serves elsewhere; they take the place of rows with their ids. */
  configured?(settings: ServedModels): readonly Model[];
  /** A harmless question that only a good key gets an answer to, where there is a better one than `listModels`. */
  checkKey?(call: Call): Promise<unknown>;
  /** Asks the service for its models. Ids that are listed above keep their rows; others are like `unlisted.like`. */
  listModels?(call: Call): Promise<DiscoveredModel[]>;
}

/**
 * Checks at compile time that each task a model claims has an operation.
 * A `blend` falls back on the `edit` operation with several inputs, a `variation` on it without words.
 */
export function defineProvider<const O extends Partial<Record<Task, Operation>>>(
  provider: Omit<Provider, "models" | "operations"> & {
    operations: O;
    models: readonly Model<
      Extract<keyof O, Task> | ("edit" extends keyof O ? "blend" | "variation" : never)
    >[];
  },
): Provider {
  return provider;
}

/** The operation that does `task` at `provider`. */
export function operationOf(provider: Provider, task: Task): Operation | undefined {
  return provider.operations[task] ?? (task === "generate" ? undefined : provider.operations.edit);
}

/** Whether a model can do a task; variation is an edit where the model has nothing of its own. */
export function canDo(model: Model, task: Task): boolean {
  return model.tasks.includes(task) || (task === "variation" && model.tasks.includes("edit"));
}

/** The type that a reply schema describes. */
export type ReplyOf<S extends z.ZodType> = z.infer<S>;
