/** The usual way to send a key. */

/** `Authorization: Bearer …` (RFC 6750). */
export function bearer(key: string): Record<string, string> {
  return { authorization: `Bearer ${key}` };
}
