/**
 * Services that run other people's models take one object of inputs, and each model calls the same wish by
 * another name. What a model's inputs are called and may be is data here, and one function writes them.
 */
import type { Media } from "../core/media.ts";
import { spellingOf } from "../core/fit.ts";
import type { Call } from "../core/provider.ts";
import type { ImageRequest, Wishes } from "../core/request.ts";
import { nearestRatio, sizeText } from "../core/size.ts";

/** What an input is called; for a number also the bounds beyond which the model refuses it. */
export type Input = string | { name: string; least: number; most: number };

type Inputs = Partial<Record<Exclude<keyof Wishes, "outputFormat">, Input>>;
type Format = NonNullable<Wishes["outputFormat"]>;

/** How the inputs of one model are called. */
export interface Wire {
  wishes?: Inputs;
  /** The count of images. */
  count?: string;
  /** The inputs that say size or shape. */
  shape?: (request: ImageRequest) => Record<string, unknown>;
  /** Whether an edit has the size of its input, whatever is asked for. */
  keepsSize?: boolean;
  /** Takes one image. A model that has `images`, too, gets one image here and several there. */
  image?: string;
  /** Takes a list of images. */
  images?: string;
  mask?: string;
  /** What the format of the result is called, and the formats by the model's words; the first stands in for the rest. */
  format?: { name: string; values: Partial<Record<Format, string>> };
  /** Inputs that are sent in any case. */
  always?: Record<string, unknown>;
}

/** The wishes that a model with these inputs obeys. */
export function wishesOf({ wishes = {}, format }: Wire): (keyof Wishes)[] {
  return [...Object.keys(wishes) as (keyof Wishes)[], ...format ? ["outputFormat" as const] : []];
}

/**
 * Writes the inputs for a request; what has to be changed for that is told.
 * @param send gives an image the form in which the service takes it
 */
export async function inputsOf(
  request: ImageRequest,
  wire: Wire,
  call: Call,
  send: (media: Media) => string | Promise<string>,
): Promise<Record<string, unknown>> {
  const keepsSize = wire.keepsSize && request.inputs.length > 0;
  if (keepsSize && request.size) call.note(`size: ${request.model} keeps that of the input image`);
  const inputs: Record<string, unknown> = {
    prompt: request.prompt,
    ...wire.always,
    ...keepsSize ? {} : wire.shape?.(request),
  };
  if (wire.count) inputs[wire.count] = request.n ?? 1;
  for (const [wish, input] of Object.entries(wire.wishes ?? {}) as [keyof Inputs, Input][]) {
    if (request[wish] === undefined) continue;
    if (typeof input === "string") inputs[input] = request[wish];
    else inputs[input.name] = within(input, spellingOf(wish), Number(request[wish]), call);
  }
  if (wire.format && request.outputFormat) {
    inputs[wire.format.name] = formatOf(request, wire.format.values, call);
  }
  const images = await Promise.all(request.inputs.map(send));
  if (images.length > 0) {
    const isOne = wire.image !== undefined && (images.length === 1 || wire.images === undefined);
    inputs[isOne ? wire.image! : wire.images ?? "images"] = isOne ? images[0] : images;
  }
  if (wire.mask && request.mask) inputs[wire.mask] = await send(request.mask);
  return inputs;
}

/** `width` and `height`. */
export function byPixels({ size }: ImageRequest): Record<string, unknown> {
  return { ...size };
}

/** One text, such as `size: "1024*1024"`. */
export function byText(name: string, times: string): NonNullable<Wire["shape"]> {
  return ({ size }) => size ? { [name]: sizeText(size).replace("x", times) } : {};
}

/** A shape such as `aspect_ratio: "16:9"`. */
export function byRatio(ratios: readonly string[]): NonNullable<Wire["shape"]> {
  return ({ ratio }) => ratio === undefined ? {} : { aspect_ratio: nearestRatio(ratio, ratios) };
}

/** A number moved to the nearest bound, where it is beyond one; a change is told. */
export function within(
  { least, most }: { least: number; most: number },
  name: string,
  wanted: number,
  call: Call,
): number {
  const value = Math.min(most, Math.max(least, wanted));
  if (value !== wanted) call.note(`${name}: ${wanted} became ${value}, the nearest that is taken`);
  return value;
}

function formatOf(
  request: ImageRequest,
  values: Partial<Record<Format, string>>,
  call: Call,
): string | undefined {
  const wanted = request.outputFormat!;
  const known = values[wanted];
  if (known) return known;
  const [format, word] = Object.entries(values)[0] ?? [];
  call.note(`output_format: ${wanted} is not offered by ${request.model}, ${format} was used`);
  return word;
}
