/**
 * Names of stored images: readable by people, safe in every file system and URL, and with enough chance in
 * them that a link is as good as a key.
 */
import { Buffer } from "node:buffer";
import { EXTENSIONS, type ImageType } from "../core/media.ts";

const MAX_NAME_BYTES = 200;
const MAX_SLUG_BYTES = 120;
const MAX_SLUG_CHARACTERS = 40;
/** 96 bits, 19 characters in base 36. */
const RANDOM_BYTES = 12;

const TYPES = new Map<string, ImageType>([
  ...Object.entries(EXTENSIONS).map(([type, extension]) => [extension, type as ImageType] as const),
  ["jpeg", "image/jpeg"],
  ["tif", "image/tiff"],
  ["heif", "image/heic"],
]);

/** What is needed to name an image. */
export interface BlobNaming {
  time: Date;
  prompt: string;
  type: ImageType;
  /** Source of the part that cannot be guessed; default 96 bits from the system. */
  random?: () => Uint8Array;
}

/** A new name, such as `20261121-025958-a-red-fox-in-the-snow-0h2k5…9x.png`. The time is UTC. */
export function blobName({ time, prompt, type, random = randomBytes }: BlobNaming): string {
  const stamp = time.toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
  return `${stamp}-${slugOf(prompt)}-${base36(random())}.${EXTENSIONS[type]}`;
}

/**
 * Whether a name may be one of an image: a single path segment with the ending of an image, at most 200 bytes,
 * and nothing in it that a file system, a header or a terminal could take for something else.
 */
export function isBlobName(name: string): boolean {
  return typeByName(name) !== undefined && !name.startsWith(".") &&
    !/[/\\:\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(name) && Buffer.byteLength(name) <= MAX_NAME_BYTES;
}

/** @throws TypeError for a name that is none of an image. */
export function assertBlobName(name: string): void {
  if (!isBlobName(name)) {
    throw new TypeError(`Cannot store an image: ${JSON.stringify(name)} is not a name for one`);
  }
}

/** The name of the sidecar of an image. */
export function sidecarName(name: string): string {
  return `${name}.json`;
}

/** Its name as img-router once had it, without the image's ending. */
export function oldSidecarName(name: string): string {
  return name.replace(/\.[^.]+$/, ".json");
}

/** The type that a name's ending claims. */
export function typeByName(name: string): ImageType | undefined {
  return TYPES.get(/\.([a-z]+)$/i.exec(name)?.[1]?.toLowerCase() ?? "");
}

/** The start of a prompt: letters and digits of any script, and hyphens for all that is between them. */
function slugOf(prompt: string): string {
  const words = prompt.slice(0, 1000).toLowerCase()
    .replace(/\p{Default_Ignorable_Code_Point}/gu, "").normalize("NFC")
    // A mark without a letter before it would settle on the hyphen.
    .replace(/[^\p{L}\p{M}\p{N}]+\p{M}*/gu, "-")
    .replace(/^[\p{M}-]+/u, "");
  let slug = "";
  let bytes = 0;
  // A character has two units at most.
  for (const character of [...words.slice(0, 2 * MAX_SLUG_CHARACTERS)].slice(0, MAX_SLUG_CHARACTERS)) {
    bytes += Buffer.byteLength(character);
    if (bytes > MAX_SLUG_BYTES) break;
    slug += character;
  }
  return slug.replace(/-$/, "") || "image";
}

function base36(bytes: Uint8Array): string {
  const digits = Math.ceil(bytes.length * 8 / Math.log2(36));
  return BigInt(`0x0${bytes.toHex()}`).toString(36).padStart(digits, "0");
}

function randomBytes(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
}
