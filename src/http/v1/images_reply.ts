/** Image replies: OpenAI's JSON and its events, as texts with marks where the pictures are filled in. */
import type { ImageFacts } from "../../core/media.ts";
import { sizeText } from "../../core/size.ts";
import type { Picture, Result } from "../../gateway/story.ts";
import { base64At } from "./filled_text.ts";
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

/** The JSON of a reply. `created` in seconds since the epoch. */
export function imagesBody(
  result: Result,
  format: ResponseFormat,
  linkTo: LinkTo,
  created: number,
): string {
  const data = result.pictures.map((picture, index) => ({
    ...format === "b64_json" ? { b64_json: base64At(index) } : { url: addressOf(picture, index, linkTo) },
    revised_prompt: picture.revisedPrompt,
  }));
  return JSON.stringify({ created, data, ...about(result), usage: imageUsage(result) });
}

/** Where a picture can be fetched: its own link, its provider's address, else the picture itself as a data URI. */
export function addressOf(picture: Picture, index: number, linkTo: LinkTo): string {
  if (picture.name !== undefined) return linkTo(picture.name);
  return picture.media.url ?? dataUriAt(picture, index);
}

/** A picture of a result as a data URI, for a text that is filled in. */
export function dataUriAt({ facts }: Picture, index: number): string {
  return `data:${facts?.type ?? "application/octet-stream"};base64,${base64At(index)}`;
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

/** Events of a stream, `image_generation.…` or `image_edit.…`, as text to be filled in. */
export interface StreamEvents {
  partial(preview: { facts?: ImageFacts }, index: number): string;
  /** Also tells where each picture can be fetched, if it is stored. */
  completed(result: Result, linkTo: LinkTo): string;
}

/** Builds the events of a stream. */
export function streamEvents(
  kind: "image_generation" | "image_edit",
  wished: { quality?: string; background?: string },
  created: number,
): StreamEvents {
  const event = (type: string, place: number, facts: ImageFacts | undefined, more: object) => {
    const size = facts ? sizeText(facts) : "auto";
    const body = {
      b64_json: base64At(place),
      type,
      created_at: created,
      size: KNOWN_SIZES.includes(size) ? size : "auto",
      quality: KNOWN_QUALITIES.includes(wished.quality ?? "") ? wished.quality : "auto",
      background: wished.background ?? "auto",
      output_format: (facts && FORMATS[facts.type]) ?? "png",
      ...more,
    };
    return `event: ${type}\ndata: ${JSON.stringify(body)}\n\n`;
  };
  return {
    partial: ({ facts }, index) => event(`${kind}.partial_image`, 0, facts, { partial_image_index: index }),
    completed: (result, linkTo) => {
      const usage = imageUsage(result);
      const events = result.pictures.map(({ facts, name, revisedPrompt }, place) =>
        event(`${kind}.completed`, place, facts, {
          usage,
          url: name === undefined ? undefined : linkTo(name),
          revised_prompt: revisedPrompt,
        })
      );
      return `${events.join("")}data: [DONE]\n\n`;
    },
  };
}
