/**
 * What is to be made: one draft that outlives a visit to another page, and the request body that it becomes.
 * It is forgotten with the session, and only the last prompts are kept in this browser.
 */
import { computed, effect, signal } from "@preact/signals";
import { remember, remembered } from "../../memory.ts";
import { session } from "../../session_state.ts";
import { texts } from "./texts.ts";

/** An image to work on. */
export interface Input {
  /** A data URI, or the path of a stored picture. */
  src: string;
  /** A smaller version to show, if there is one. */
  thumbnail?: string;
}

/** A line that was painted, in pixels of the image. */
export interface Stroke {
  points: { x: number; y: number }[];
  width: number;
  erases: boolean;
}

/** What may change of the first input. */
export interface Mask {
  /** A PNG as OpenAI's edits want it: see-through where something may change. */
  src: string;
  /** To go on painting. */
  strokes: Stroke[];
}

/** A draft. Models are `auto`, `Provider/id`, or whatever somebody typed. */
export interface Draft {
  prompt: string;
  model: string;
  /** The other model of a comparison. */
  other?: string;
  /** Empty = as the model likes. */
  size: string;
  /** Other fields of the request by their names in the API. */
  settings: Readonly<Record<string, unknown>>;
  optimizer: "" | "on" | "off";
  inputs: readonly Input[];
  mask?: Mask;
}

export type Task = "generate" | "edit" | "blend" | "variation";

function empty(): Draft {
  return {
    prompt: texts().sample,
    model: "auto",
    size: "",
    settings: { partial_images: 2 },
    optimizer: "",
    inputs: [],
  };
}

/** The draft. */
export const draft = signal<Draft>(empty());
/** Changes some of it. */
export function change(changes: Partial<Draft>): void {
  const { inputs: [before] } = draft.value;
  const next = { ...draft.value, ...changes };
  // A mask is of one image, and only edits take one.
  if (next.inputs[0]?.src !== before?.src) next.mask = undefined;
  draft.value = next;
}

/** Sets one field of the request, or no longer sends it. */
export function set(name: string, value: unknown): void {
  const { [name]: _old, ...others } = draft.value.settings;
  change({ settings: value === undefined || value === "" ? others : { ...others, [name]: value } });
}

effect(() => {
  if (session.value === "out") draft.value = empty();
});

/** What the draft comes to. */
export const task = computed<Task>(() => {
  const { inputs, prompt } = draft.value;
  if (inputs.length === 0) return "generate";
  return prompt.trim() === "" ? "variation" : inputs.length > 1 ? "blend" : "edit";
});

const ENDPOINTS = {
  generate: "generations",
  edit: "edits",
  blend: "edits",
  variation: "variations",
} as const;

/** A request of the images API. */
export interface ImagesRequest {
  endpoint: typeof ENDPOINTS[Task];
  /** Without images. */
  fields: Record<string, unknown>;
  inputs: readonly Input[];
  mask?: Mask;
}

/** The draft as a request to a model. @param fields those that the model has; others are not sent */
export function requestOf(
  model: string,
  fields: readonly string[],
  providers: readonly string[],
): ImagesRequest {
  const { prompt, size, settings, optimizer, inputs, mask } = draft.value;
  const kept = Object.entries(settings).filter(([name]) =>
    fields.includes(name) || name === "provider_params"
  );
  return {
    endpoint: ENDPOINTS[task.value],
    fields: {
      ...prompt.trim() && { prompt },
      ...splitModel(model, providers),
      ...size && { size },
      ...Object.fromEntries(kept),
      ...optimizer && { prompt_optimizer: optimizer === "on" },
    },
    inputs,
    ...task.value === "edit" && { mask },
  };
}

/** A provider's name before a slash is sent by itself: ids of models have slashes, too. */
export function splitModel(
  model: string,
  providers: readonly string[],
): { model: string; provider?: string } {
  const slash = model.indexOf("/");
  const provider = model.slice(0, Math.max(slash, 0));
  return providers.includes(provider) ? { model: model.slice(slash + 1), provider } : { model };
}

const RECENT = "prompts";
const MOST_RECENT = 20;

function readRecent(): string[] {
  try {
    const kept: unknown = JSON.parse(remembered(RECENT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((prompt) => typeof prompt === "string") : [];
  } catch {
    return [];
  }
}

/** Prompts that were used in this browser, the last one first. */
export const recent = signal<readonly string[]>(readRecent());

/** Keeps a prompt in this browser, or forgets all of them. */
export function keepRecent(prompt?: string): void {
  recent.value = prompt === undefined
    ? []
    : [prompt, ...recent.value.filter((other) => other !== prompt)].slice(0, MOST_RECENT);
  remember(RECENT, recent.value.length > 0 ? JSON.stringify(recent.value) : undefined);
}
