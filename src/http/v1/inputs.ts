/** Input images, in every form in which clients send them: files, URLs, data URIs, base64, our own links. */
import { Failed } from "../../core/failure.ts";
import type { ImageStream } from "../../core/image_stream.ts";
import { Media, type OpenUrl } from "../../core/media.ts";
import type { Body } from "./body.ts";

/** What reading inputs depends on. */
export interface InputOptions {
  /** Opens foreign addresses, through the guard. */
  open: OpenUrl;
  /** The name of a picture of ours, if an address is one of our own links. */
  ownName: (url: string) => string | undefined;
  /** Why a link of ours does not open its picture, if it does not. */
  refuseOwn: (url: string, name: string) => Promise<string | undefined>;
  /** Reads a picture of ours. */
  openOwn: (name: string) => Promise<Uint8Array | undefined>;
}

const MAX_INPUTS = 16;
const MAX_BYTES = 50 * 1024 * 1024;
/** A list of `{image_url: {url}}` is the deepest that is understood. */
const MAX_DEPTH = 4;
const IMAGE_FIELD = /^image(\[\d*\])?$/;

/** The images and the mask of a request, in the order in which they came. */
export async function readInputs(
  body: Body,
  options: InputOptions,
): Promise<{ inputs: Media[]; mask?: Media }> {
  const inputs: Media[] = [];
  for (const { name, bytes } of body.files) {
    if (IMAGE_FIELD.test(name)) inputs.push(await fromBytes(bytes, name));
  }
  for (const [name, value] of Object.entries(body.fields)) {
    if (!IMAGE_FIELD.test(name) && name !== "images" && name !== "image_url") continue;
    for (const [reference, param] of references(value, name)) {
      inputs.push(await toMedia(reference, param, options));
    }
  }
  if (inputs.length > MAX_INPUTS) {
    throw invalid("image", `expected ${MAX_INPUTS} images at most, got ${inputs.length}`);
  }
  const file = body.files.find((part) => part.name === "mask");
  if (file) return { inputs, mask: await fromBytes(file.bytes, "mask") };
  const [mask] = [...references(body.fields.mask, "mask")];
  return { inputs, mask: mask && await toMedia(mask[0], mask[1], options) };
}

/**
 * Makes media of a reference. Bytes that are here are looked at; an address is opened when it is needed.
 * @throws Failed `invalid_request` where it is not an image, naming `param`
 */
export async function toMedia(reference: string, param: string, options: InputOptions): Promise<Media> {
  const text = reference.trim();
  const own = options.ownName(text);
  if (own !== undefined) {
    const refusal = await options.refuseOwn(text, own);
    if (refusal !== undefined) throw invalid(param, refusal);
    const bytes = await options.openOwn(own);
    if (!bytes) throw invalid(param, "this picture is not in the store any more");
    return Media.fromBytes(bytes);
  }
  if (/^https?:\/\//i.test(text)) {
    return Media.fromUrl(text, (url, signal) => openFor(param, url, options, signal));
  }
  const base64 = text.startsWith("data:") ? /^data:[^,]{0,200};base64,/i.exec(text) : undefined;
  if (base64 === null) throw invalid(param, "a data URI has to be base64-encoded");
  const encoded = base64 ? text.slice(base64[0].length) : text;
  // The size is known before a byte is decoded.
  if (encoded.length * 0.75 > MAX_BYTES) throw invalid(param, `an image may have ${MAX_BYTES} bytes at most`);
  const media = Media.fromBase64(encoded);
  try {
    if (await media.facts()) return media;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw invalid(param, "expected an image as a file, a URL, a data URI or base64");
}

async function fromBytes(bytes: Uint8Array, param: string): Promise<Media> {
  if (bytes.length === 0) throw invalid(param, "the file is empty");
  if (bytes.length > MAX_BYTES) throw invalid(param, `an image may have ${MAX_BYTES} bytes at most`);
  const media = Media.fromBytes(bytes);
  if (!await media.facts()) throw invalid(param, "the file is not an image; expected png, jpeg or webp");
  return media;
}

/** `"…"`, `{image_url: "…"}`, `{image_url: {url}}`, `{url}`, and lists of these. */
function* references(
  value: unknown,
  param: string,
  depth = 0,
): Generator<[reference: string, param: string]> {
  if (value === undefined || value === null || value === "") return;
  if (Array.isArray(value) && depth < MAX_DEPTH) {
    for (const [index, item] of value.entries()) yield* references(item, `${param}[${index}]`, depth + 1);
    return;
  }
  if (typeof value === "string") {
    yield [value, param];
    return;
  }
  if (typeof value === "object" && depth < MAX_DEPTH) {
    const { image_url, url, b64_json, file_id } = value as Record<string, unknown>;
    if (file_id !== undefined) {
      throw invalid(`${param}.file_id`, "uploaded files are not kept here; send image_url");
    }
    if (image_url ?? url ?? b64_json) {
      return yield* references(image_url ?? url ?? b64_json, `${param}.image_url`, depth + 1);
    }
  }
  throw invalid(param, "expected an image as a file, a URL, a data URI or base64");
}

async function openFor(
  param: string,
  url: string,
  { open }: InputOptions,
  signal?: AbortSignal,
): Promise<ImageStream> {
  const named = (error: unknown) =>
    error instanceof Failed && error.failure.kind === "invalid_request"
      ? new Failed({ ...error.failure, param }, error)
      : error;
  try {
    const stream = await open(url, signal);
    stream.explain = named;
    return stream;
  } catch (error) {
    throw named(error);
  }
}

function invalid(param: string, expected: string): Failed {
  return new Failed({
    kind: "invalid_request",
    param,
    code: "invalid_image",
    message: `Invalid '${param}': ${expected}`,
  });
}
