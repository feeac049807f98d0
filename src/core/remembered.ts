/** What is worked out of the same few texts again and again, such as the names of fields. */

/** How much is remembered. */
export interface Memory {
  /** So many texts; then it begins anew. */
  most: number;
  /** Longer texts, in characters, are not worth the memory. Default: none are too long. */
  longest?: number;
}

/** The same function, which works a text out once. What it gives must not be changed by anybody. */
export function remembered<T>(
  work: (text: string) => T,
  { most, longest = Infinity }: Memory,
): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    if (known.has(text)) return known.get(text)!;
    const result = work(text);
    if (text.length > longest) return result;
    if (known.size >= most) known.clear();
    known.set(text, result);
    return result;
  };
}
