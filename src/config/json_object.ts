/** JSON as a value, and the two things settings files need: to be read without surprises, and to be merged. */

/** Anything JSON can say. */
export type Json = null | boolean | number | string | Json[] | JsonObject;

/** A JSON object; an absent member reads as `undefined`. */
export interface JsonObject {
  [member: string]: Json | undefined;
}

/** Whether a value is an object with members, rather than a list, `null` or a scalar. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Merges a change into an object as RFC 7396 says: objects member by member, `null` removes a member,
 * anything else replaces what was there. Neither argument is changed.
 */
export function mergePatch(base: JsonObject, patch: JsonObject): JsonObject {
  const changes = Object.entries(patch).filter(([, value]) => value !== undefined);
  const removed = new Set(changes.filter(([, value]) => value === null).map(([member]) => member));
  // Object.fromEntries defines members: one called "__proto__" stays a member and becomes no prototype.
  return Object.fromEntries([
    ...Object.entries(base).filter(([member]) => !removed.has(member)),
    ...changes.filter(([member]) => !removed.has(member)).map(([member, value]) => [
      member,
      isObject(value) ? mergePatch(ownObject(base, member), value) : value,
    ]),
  ]);
}

function ownObject(parent: JsonObject, member: string): JsonObject {
  const value = Object.hasOwn(parent, member) ? parent[member] : undefined;
  return isObject(value) ? value : {};
}

/** The value at a path, or `undefined` where the way there ends early. */
export function valueAt(root: unknown, keys: readonly PropertyKey[]): unknown {
  let value: unknown = root;
  for (const key of keys) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

/** Text of an object as it is kept in files: indented, ending with a newline. */
export function toFileText(value: JsonObject): string {
  return JSON.stringify(value, null, 2) + "\n";
}
