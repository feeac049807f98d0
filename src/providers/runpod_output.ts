/** What RunPod's workers give back: every one has its own form, so the usual ones are tried in turn. */
import { Media } from "../core/media.ts";
import type { Call } from "../core/provider.ts";
import { isRecord } from "../core/record.ts";

/** The members in which workers put images, the likeliest first. */
const MEMBERS = ["images", "image_url", "result", "image", "message", "data", "url"];

/**
 * The images of an output: texts, or objects with texts in one of the usual members, in lists or alone. A text may
 * be an address, a data URI or base64; other texts are no images.
 */
export function imagesOf(output: unknown, call: Call): Media[] {
  if (typeof output === "string") return imageOf(output, call) ?? [];
  if (Array.isArray(output)) return output.flatMap((part) => imagesOf(part, call));
  if (!isRecord(output)) return [];
  for (const member of MEMBERS) {
    const images = imagesOf(output[member], call);
    if (images.length > 0) return images;
  }
  return [];
}

/**
 * What went wrong, in words. `error` is a plain text, or JSON in a text with `error_message` among other members,
 * or a list of texts; a worker that ended well may say it in `output.error` or `output.errors`.
 */
export function errorOf(error: unknown, output?: unknown): string | undefined {
  if (Array.isArray(error)) return error.length > 0 ? errorOf(error[0]) : undefined;
  if (isRecord(error)) {
    return errorOf(error.error_message ?? error.message ?? error.error) ??
      JSON.stringify(error).slice(0, 500);
  }
  if (typeof error === "string" && error.trim() !== "") return inside(error) ?? error;
  return isRecord(output) ? errorOf(output.error) ?? errorOf(output.errors) : undefined;
}

/** What a worker says beside its images. */
export function numberIn(output: unknown, member: "cost" | "seed"): number | undefined {
  const value = isRecord(output) ? output[member] : undefined;
  return typeof value === "number" ? value : undefined;
}

function inside(text: string): string | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return isRecord(json) || Array.isArray(json) ? errorOf(json) : undefined;
  } catch {
    return undefined;
  }
}

function imageOf(text: string, call: Call): Media[] | undefined {
  if (/^https?:\/\//i.test(text)) return [call.image(text)];
  if (/^data:[^,]{0,200};base64,/i.test(text)) return [Media.fromBase64(text.slice(text.indexOf(",") + 1))];
  return BASE64.test(text) ? [Media.fromBase64(text.replace(/\s/g, ""))] : undefined;
}

/** Long enough not to be a word; base64 has no blanks. */
const BASE64 = /^[A-Za-z0-9+/\r\n]{40,}={0,2}\s*$/;
