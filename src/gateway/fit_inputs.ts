/**
 * Input images against what a model takes: read where bytes are wanted, checked before any call, converted
 * where that helps, and left alone where the model fetches addresses by itself.
 */
import { Failed } from "../core/failure.ts";
import { type ImageFacts, type ImageType, Media } from "../core/media.ts";
import type { InputLimits } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";

/** Turns an image into another type, or makes it smaller; the rest of it stays. */
export type Convert = (
  bytes: Uint8Array,
  to: { type: ImageType; maxPixels?: number; maxEdge?: number; quality?: number },
  signal?: AbortSignal,
) => Promise<Uint8Array>;

/** Fits the inputs and the mask of a request to the limits of its model. */
export type FitInputs = (
  request: ImageRequest,
  limits: InputLimits,
  signal: AbortSignal,
  note: (text: string) => void,
) => Promise<ImageRequest>;

/** Makes the function that fits inputs. @param convert from an image library */
export function createFitInputs(convert: Convert): FitInputs {
  return async (request, limits, signal, note) => {
    if (request.inputs.length === 0 && !request.mask) return request;
    const fit = (media: Media, param: string) => fitOne(media, param, limits, convert, signal, note);
    const inputs = await Promise.all(
      request.inputs.map((media, index) =>
        fit(media, request.inputs.length > 1 ? `image[${index}]` : "image")
      ),
    );
    return { ...request, inputs, mask: request.mask && await fit(request.mask, "mask") };
  };
}

async function fitOne(
  media: Media,
  param: string,
  limits: InputLimits,
  convert: Convert,
  signal: AbortSignal,
  note: (text: string) => void,
): Promise<Media> {
  if (media.url !== undefined && limits.takesUrls) return media;
  const bytes = await media.bytes(signal);
  const facts = await media.facts(signal);
  if (!facts) throw invalid(param, "it is not an image");
  if (facts.type === "image/svg+xml") throw invalid(param, "SVG is not taken; send png, jpeg or webp");
  const { types, maxBytes = Infinity, maxPixels = Infinity, edge: [least, most] = [1, Infinity] } = limits;
  if (Math.min(facts.width, facts.height) < least) {
    throw invalid(
      param,
      `each side must have ${least} pixels or more, and it is ${facts.width}x${facts.height}`,
    );
  }
  const type = types && !types.includes(facts.type) ? types[0]! : facts.type;
  const isTooLarge = facts.width * facts.height > maxPixels || Math.max(facts.width, facts.height) > most;
  if (type === facts.type && !isTooLarge && bytes.length <= maxBytes) return media;
  const converted = await convert(
    bytes,
    { type, maxPixels: finite(maxPixels), maxEdge: finite(most) },
    signal,
  );
  if (converted.length > maxBytes) {
    throw invalid(param, `it may have ${maxBytes} bytes at most, and has ${bytes.length}`);
  }
  note(
    `${param}: ${describe(facts)} was sent as ${type.slice("image/".length)}${
      isTooLarge ? ", made smaller" : ""
    }`,
  );
  return Media.fromBytes(converted);
}

function describe({ type, width, height }: ImageFacts): string {
  return `${type.slice("image/".length)} of ${width}x${height}`;
}

function finite(limit: number): number | undefined {
  return Number.isFinite(limit) ? limit : undefined;
}

function invalid(param: string, reason: string): Failed {
  return new Failed({
    kind: "invalid_request",
    param,
    code: "invalid_image",
    message: `Invalid '${param}': ${reason}`,
  });
}
