/** How tests of providers send pictures in, and read what comes out. */
import assert from "node:assert/strict";
import { CONSEQUENCES, type FailureKind } from "../core/failure.ts";

/** A picture as a data URI. */
export function dataUrl(bytes: Uint8Array, type = "image/png"): string {
  return `data:${type};base64,${bytes.toBase64()}`;
}

/** The field of a JSON edit that holds these pictures, each by its bytes as PNG or by its address. */
export function given(...images: (Uint8Array | string)[]): { images: { image_url: string }[] } {
  return {
    images: images.map((image) => ({ image_url: typeof image === "string" ? image : dataUrl(image) })),
  };
}

/** The pictures of a reply that was asked for base64. @throws AssertionError where it is no success */
export async function pictures(response: Response): Promise<Uint8Array[]> {
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  return body.data.map(({ b64_json }: { b64_json: string }) => Uint8Array.fromBase64(b64_json));
}

/** The picture of a reply that was asked for base64. @throws AssertionError where it is no success, or not one picture */
export async function picture(response: Response): Promise<Uint8Array> {
  const made = await pictures(response);
  assert.equal(made.length, 1);
  return made[0]!;
}

/** How many pictures a reply holds. @throws AssertionError where it is no success */
export async function made(response: Response): Promise<number> {
  return (await pictures(response)).length;
}

/** What a caller was told: status, the header `retry-after` and the members of the error. */
export async function refusal(response: Response) {
  const { error } = await response.json();
  return { status: response.status, retryAfter: response.headers.get("retry-after"), ...error };
}

/** Holds a refusal against what a caller is told of such a failure. @throws AssertionError where it differs */
export function means(told: { status: number; type: string }, kind: FailureKind): void {
  const { relay, type } = CONSEQUENCES[kind];
  assert.deepEqual([told.status, told.type], [relay, type], JSON.stringify(told));
}
