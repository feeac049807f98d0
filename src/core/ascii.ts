/** Text in bytes. */
import { Buffer } from "node:buffer";

/** ASCII as a string; other bytes become the characters of Latin-1. */
export function asciiText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** The bytes of such a string. */
export function asciiBytes(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** All parts one after the other, copied. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
