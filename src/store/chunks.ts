/** Databases limit the values of one statement (SQLite to 32766), so long lists go in pieces. */

/** The items in pieces of at most `size`. */
export function* chunks<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
