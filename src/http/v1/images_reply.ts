/** Image replies: OpenAI's JSON, its events, or the bytes alone. Base64 is never parsed or escaped on its way out. */
import type { Media } from "../../core/media.ts";
import { sizeText } from "../../core/size.ts";
import type { Picture, Result } from "../../gateway/handle.ts";
import type { Part } from "../written_body.ts";
import { imageUsage } from "./usage.ts";

/** How images are handed over. */
export type ResponseFormat = "url" | "b64_json";

/** Builds the address of a stored picture. */
export type LinkTo = (name: string) => string;

/** OpenAI's schema knows these sizes; others are left out of replies and written `auto` in events. */
const KNOWN_SIZES = ["1024x1024", "1024x1536", "1536x1024"];
const KNOWN_QUALITIES = ["low", "medium", "high"];
const FORMATS: Record<string, "png" | "webp" | "jpeg"> = {
  "image/png": "png",
  "image/webp": "webp",
  "image/jpeg": "jpeg",
};

/** Base64 text that is worth being written by itself, in bytes. */
const LARGE = 64 * 1024;

/** Whether the images of a reply are better not put into one text, or not here yet. */
export function isLarge({ pictures, arrived }: Result): boolean {
  return arrived !== undefined || pictures.some(({ media }) => (media.size ?? 0) > LARGE);
}

/** Room for all that is written around one image, what its provider may tell of it aside. */
const AROUND = 2048;

/** How long a reply can be with the one image that is still arriving; nothing where that is not known. */
export function longest({ pictures: [picture], arrived }: Result): number | undefined {
  const image = picture?.media.stream?.mostBase64;
  // A rewritten prompt that comes after the image is in its provider's reply as well, and so in that length.
  if (!arrived || image === undefined) return undefined;
  return image + AROUND + JSON.stringify(picture?.revisedPrompt ?? "").length * 3;
}

/** The JSON of a reply. `created` in seconds since the epoch. */
export async function imagesBody(
  result: Result,
  format: ResponseFormat,
  linkTo: LinkTo,
  created: number,
): Promise<string> {
  let body = "";
  for await (const part of imagesParts(result, format, linkTo, created)) {
    body += typeof part === "string" ? part : await part.media.base64();
  }
  return body;
}

/** The same with its images apart, so that they can be written as they arrive. */
export async function* imagesParts(
  result: Result,
  format: ResponseFormat,
  linkTo: LinkTo,
  created: number,
): AsyncGenerator<Part> {
  let before = `{"created":${created},"data":[`;
  for (const [index, picture] of result.pictures.entries()) {
    if (format === "b64_json") {
      yield `${before}{"b64_json":"`;
      yield { media: picture.media, encoding: "base64" };
      // What its provider says of a picture may come after it.
      const { revisedPrompt } = (await result.arrived)?.pictures[index] ?? picture;
      before = `"${revised(revisedPrompt)}},`;
    } else {
      const address = await addressOf(picture, linkTo);
      const text = address.startsWith("data:") ? `"${address}"` : JSON.stringify(address);
      before += `{"url":${text}${revised(picture.revisedPrompt)}},`;
    }
  }
  const complete = await result.arrived ?? result;
  const rest = JSON.stringify({ ...about(complete), usage: imageUsage(complete) });
  yield `${before.replace(/,$/, "")}],${rest.slice(1)}`;
}

function revised(prompt: string | undefined): string {
  return prompt === undefined ? "" : `,"revised_prompt":${JSON.stringify(prompt)}`;
}

/** Where a picture can be fetched: its own link, its provider's address, else the picture itself as a data URI. */
export function addressOf(picture: Picture, linkTo: LinkTo): Promise<string> {
  if (picture.name !== undefined) return Promise.resolve(linkTo(picture.name));
  return picture.media.url === undefined ? picture.media.dataUrl() : Promise.resolve(picture.media.url);
}

function about({ pictures, request }: Result) {
  const facts = pictures[0]?.facts;
  const size = facts && sizeText(facts);
  return {
    output_format: facts && FORMATS[facts.type],
    size: size !== undefined && KNOWN_SIZES.includes(size) ? size : undefined,
    quality: KNOWN_QUALITIES.includes(request.quality ?? "") ? request.quality : undefined,
    background: request.background === "auto" ? undefined : request.background,
  };
}

/** Events of a stream, `image_generation.…` or `image_edit.…`. */
export interface StreamEvents {
  partial(media: Media, index: number): Promise<string>;
  /** Also tells where each picture can be fetched, if it is stored. */
  completed(result: Result, linkTo: LinkTo): Promise<string[]>;
}

/** Builds the events of a stream. */
export function streamEvents(
  kind: "image_generation" | "image_edit",
  wished: { quality?: string; background?: string },
  created: number,
): StreamEvents {
  const frame = async (type: string, media: Media, more: object) => {
    const facts = await media.facts();
    const size = facts ? sizeText(facts) : "auto";
    const rest = JSON.stringify({
      type,
      created_at: created,
      size: KNOWN_SIZES.includes(size) ? size : "auto",
      quality: KNOWN_QUALITIES.includes(wished.quality ?? "") ? wished.quality : "auto",
      background: wished.background ?? "auto",
      output_format: (facts && FORMATS[facts.type]) ?? "png",
      ...more,
    });
    return `event: ${type}\ndata: {"b64_json":"${await media.base64()}",${rest.slice(1)}\n\n`;
  };
  return {
    partial: (media, index) => frame(`${kind}.partial_image`, media, { partial_image_index: index }),
    completed: (result, linkTo) => {
      const usage = imageUsage(result);
      return Promise.all(
        result.pictures.map(({ media, name, revisedPrompt }) =>
          frame(`${kind}.completed`, media, {
            usage,
            url: name === undefined ? undefined : linkTo(name),
            revised_prompt: revisedPrompt,
          })
        ),
      );
    },
  };
}
