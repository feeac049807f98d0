/** Masks for services with another convention than OpenAI's, whose masks are see-through where an edit may happen. */
import { Failed } from "../core/failure.ts";
import { Media } from "../core/media.ts";

/** A decoder is never shown more than this. */
const MAX_PIXELS = 100_000_000;

/**
 * The mask as a grey PNG that is white where the edit may happen. One without any transparency is taken to be
 * black and white already.
 * @throws Failed `invalid_request` where it can't be decoded
 */
export async function whiteMask(mask: Media, signal?: AbortSignal): Promise<Media> {
  const bytes = await mask.bytes(signal);
  // Loaded when first needed: the library takes a tenth of a second.
  const { default: sharp } = await import("sharp");
  try {
    const image = sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: "error" });
    const { isOpaque } = await image.stats();
    const grey = isOpaque ? image.grayscale() : image.extractChannel("alpha").negate();
    return Media.fromBytes(new Uint8Array(await grey.toColourspace("b-w").png().toBuffer()));
  } catch (error) {
    throw new Failed(
      {
        kind: "invalid_request",
        param: "mask",
        code: "invalid_image",
        message: "The mask could not be decoded",
      },
      error,
    );
  }
}
