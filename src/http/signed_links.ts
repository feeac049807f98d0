/**
 * Links to stored pictures, signed and with an end where the operator wants that: whoever has such a link sees
 * that one picture, until then. The signature is an HMAC-SHA256 over name and end.
 */
import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "../core/clock.ts";

/** What links depend on. */
export interface LinksOptions {
  clock: Clock;
  /** Signs; 32 bytes that only processes of this gateway have. */
  key: Uint8Array;
  /** How long a link works, in seconds; 0 = links are not signed, and work for ever. */
  seconds: () => number;
}

/** What a link is worth: for ever, until a time (ms since the epoch), no more, or nothing. */
export type Verdict = "open" | { until: number } | "expired" | "not signed";

/** What a link's query says of it. */
export interface LinkQuery {
  expires?: string | null;
  signature?: string | null;
}

/** Makes and checks links. */
export class Links {
  constructor(private readonly options: LinksOptions) {}

  /**
   * The address of a stored picture.
   * @param base of this gateway, without a slash at its end @param atLeast how long it has to work, in seconds
   */
  to(base: string, name: string, { atLeast = 0 }: { atLeast?: number } = {}): string {
    const address = `${base}/storage/${encodeURIComponent(name)}`;
    const { clock, seconds } = this.options;
    if (seconds() === 0) return address;
    const expires = Math.floor(clock.now() / 1000) + Math.max(atLeast, seconds());
    return `${address}?expires=${expires}&signature=${this.#sign(name, expires).toString("base64url")}`;
  }

  /** What a link to `name` is worth now. */
  check(name: string, { expires, signature }: LinkQuery): Verdict {
    const { clock, seconds } = this.options;
    if (seconds() === 0) return "open";
    if (!expires || !signature || !/^\d{1,12}$/.test(expires)) return "not signed";
    const given = Buffer.from(signature, "base64url");
    const expected = this.#sign(name, Number(expires));
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return "not signed";
    const until = Number(expires) * 1000;
    return clock.now() < until ? { until } : "expired";
  }

  #sign(name: string, expires: number) {
    return createHmac("sha256", this.options.key).update(`${expires}\n${name}`).digest();
  }
}
