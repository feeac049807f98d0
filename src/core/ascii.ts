/**
 * Text in bytes. Strings are searched and decoded many times faster than typed arrays are, and short ones are
 * gone again before they cost the garbage collector anything: so bytes are looked at through a small window.
 */
import { Buffer } from "node:buffer";

/** Longest piece that is turned into a string at a time, in bytes. */
export const WINDOW_BYTES = 64 * 1024;

/** ASCII as a string; other bytes become the characters of Latin-1. */
export function asciiText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** The bytes of such a string. */
export function asciiBytes(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** The same, cut into windows. */
export function asciiWindows(bytes: Uint8Array): string[] {
  const windows: string[] = [];
  for (let at = 0; at < bytes.length; at += WINDOW_BYTES) {
    windows.push(asciiText(bytes.subarray(at, at + WINDOW_BYTES)));
  }
  return windows;
}

/** Where in such windows the first of these characters is, or -1. */
export function firstOfAscii(windows: readonly string[], characters: readonly string[]): number {
  for (const [index, text] of windows.entries()) {
    const found = characters.map((character) => text.indexOf(character)).filter((at) => at >= 0);
    if (found.length > 0) return index * WINDOW_BYTES + Math.min(...found);
  }
  return -1;
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
