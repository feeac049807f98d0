/** Databases limit the values of one statement (SQLite to 32766), so long lists go in pieces. */

/** The items in pieces of at most `size`. */
export function* chunks<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}

/** The same, and whatever else waits goes on between the pieces: statements of SQLite hold up the whole process. */
export async function* chunksInTurns<T>(items: readonly T[], size: number): AsyncGenerator<T[]> {
  for (const chunk of chunks(items, size)) {
    yield chunk;
    await turn();
  }
}

/** Lets whatever waits go on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
