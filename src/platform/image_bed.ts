/**
 * The operator's own image bed (CloudFlare-ImgBed): gives an input a public address, for providers that take
 * nothing else. Images go there only if the operator named it.
 */
import { z } from "zod";
import type { Media } from "../core/media.ts";

/** How the bed is reached. */
export interface ImageBedSettings {
  /** Absent = there is none. */
  baseUrl?: string;
  /** An API token (`imgbed_…`) or the upload code of the site. */
  authCode?: string;
  uploadFolder: string;
  /** Such as `telegram`, `cfr2`, `s3`; absent = as the site has it. */
  uploadChannel?: string;
}

const LIMIT = 30_000;

/**
 * Uploads an image and gives its public address.
 * Wire: `POST /upload` with one part `file`; the reply is a list of one (documentation of CloudFlare-ImgBed).
 * @throws Error where the bed does not take it, with what it said
 */
export async function uploadToBed(
  media: Media,
  settings: ImageBedSettings,
  signal: AbortSignal,
): Promise<string> {
  const base = settings.baseUrl!.replace(/\/+$/, "");
  const url = new URL(`${base}/upload`);
  url.searchParams.set("returnFormat", "full");
  url.searchParams.set("uploadFolder", settings.uploadFolder);
  if (settings.uploadChannel) url.searchParams.set("uploadChannel", settings.uploadChannel);
  const form = new FormData();
  // Uploads are public, so a name must not be guessable.
  form.append("file", await media.file(crypto.randomUUID(), signal));
  const response = await fetch(url, {
    method: "POST",
    body: form,
    headers: credentials(settings.authCode),
    redirect: "error",
    signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT)]),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`The image bed answered ${response.status}: ${text.slice(0, 200)}`);
  const [entry] = Reply.parse(JSON.parse(text));
  return new URL(entry.publicUrl ?? entry.src, `${base}/`).href;
}

/** In headers, because addresses end up in logs. */
function credentials(authCode: string | undefined): Record<string, string> {
  if (!authCode) return {};
  return authCode.startsWith("imgbed_") ? { authorization: `Bearer ${authCode}` } : { authcode: authCode };
}

const Reply = z.tuple([z.object({ src: z.string().min(1), publicUrl: z.string().min(1).optional() })]).rest(
  z.unknown(),
);
