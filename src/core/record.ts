/** Values of unknown shape, as they come out of JSON. */

/** Whether a value is an object with members, rather than a list, a text or nothing. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
