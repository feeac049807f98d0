/** How tests of providers send pictures in, and read what comes out. */
import assert from "node:assert/strict";

/** A picture as a data URI. */
export function dataUrl(bytes: Uint8Array, type = "image/png"): string {
  return `data:${type};base64,${bytes.toBase64()}`;
}

/** The field of a JSON edit that holds these pictures. */
export function given(...images: Uint8Array[]): { images: { image_url: string }[] } {
  return { images: images.map((bytes) => ({ image_url: dataUrl(bytes) })) };
}

/** The pictures of a reply that was asked for base64. @throws AssertionError where it is no success */
export async function pictures(response: Response): Promise<Uint8Array[]> {
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body.data.map(({ b64_json }: { b64_json: string }) => Uint8Array.fromBase64(b64_json));
}

/** What a caller was told: status and the members of the error. */
export async function refusal(response: Response) {
  const { error } = await response.json();
  return { status: response.status, ...error };
}
