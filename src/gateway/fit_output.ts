/** Gives a picture the form that the caller asked for, where its provider could not. */
import type { ImageFacts, ImageType } from "../core/media.ts";
import { Media, readImageFacts } from "../core/media.ts";
import type { ImageRequest } from "../core/request.ts";
import type { Conversion } from "../platform/convert.ts";

/** An image and what it is. */
interface Seen {
  media: Media;
  facts: ImageFacts;
}

/** Converts where that is needed. */
export interface FitOutput {
  /** Gives the picture as it is where it is in the right form, or can't be converted: it was paid for. */
  (seen: Seen, request: ImageRequest): Promise<Seen>;
  /** Whether a picture has to be converted. */
  isNeeded(facts: ImageFacts, request: ImageRequest): boolean;
}

const TYPES: Record<string, ImageType> = { png: "image/png", jpeg: "image/jpeg", webp: "image/webp" };

/** @param convert the image library @param onError hears of a picture that stays as it is */
export function createFitOutput(
  convert: (bytes: Uint8Array, to: Conversion) => Promise<Uint8Array>,
  onError: (error: unknown) => void,
): FitOutput {
  const wanted = (facts: ImageFacts, { delivery }: ImageRequest): Conversion | undefined => {
    const type = TYPES[delivery?.format ?? ""] ?? facts.type;
    const quality = type === "image/png" ? undefined : delivery?.quality;
    return type === facts.type && quality === undefined ? undefined : { type, quality };
  };
  const fit = async (seen: Seen, request: ImageRequest): Promise<Seen> => {
    const to = wanted(seen.facts, request);
    if (!to) return seen;
    const bytes = await seen.media.bytes();
    try {
      const converted = await convert(bytes, { ...to, quality: to.quality && Math.max(1, to.quality) });
      return { media: Media.fromBytes(converted), facts: readImageFacts(converted)! };
    } catch (error) {
      onError(error);
      return { media: Media.fromBytes(bytes), facts: seen.facts };
    }
  };
  return Object.assign(fit, {
    isNeeded: (facts: ImageFacts, request: ImageRequest) => wanted(facts, request) !== undefined,
  });
}
