/**
 * Times counted in fixed classes whose bounds grow by the same factor, so that the counts of any minutes,
 * providers and machines can be added and a percentile still comes out right to within a tenth.
 */

/** Upper bound of the first class, in ms. */
const FIRST_MS = 10;
/** Classes in which a bound doubles: each is 19 % wider than the one before. */
const PER_DOUBLING = 4;
/** The last class holds everything from about 44 minutes on. */
const LAST = 72;

/** How many times fell into each class, by the number of the class. */
export type TimeCounts = ReadonlyMap<number, number>;

/** The class of a time in ms. */
export function timeClass(ms: number): number {
  if (!(ms > FIRST_MS)) return 0;
  return Math.min(LAST, Math.ceil(PER_DOUBLING * Math.log2(ms / FIRST_MS)));
}

/** The upper bound of a class, in ms; it belongs to the class. */
export function classBound(index: number): number {
  return FIRST_MS * 2 ** (index / PER_DOUBLING);
}

/**
 * The time in ms below which the share `quantile` (0 to 1) of all times lies, or `undefined` where there are
 * none. Within a class times are taken to be spread evenly on the same growing scale.
 */
export function quantileMs(counts: TimeCounts, quantile: number): number | undefined {
  const classes = [...counts].filter(([, count]) => count > 0).sort(([a], [b]) => a - b);
  const total = classes.reduce((sum, [, count]) => sum + count, 0);
  let below = 0;
  for (const [index, count] of classes) {
    if (below + count >= quantile * total) {
      return classBound(index - 1 + (quantile * total - below) / count);
    }
    below += count;
  }
  return undefined;
}

/** Adds counts to others. */
export function addTimes(to: Map<number, number>, counts: TimeCounts): void {
  for (const [index, count] of counts) to.set(index, (to.get(index) ?? 0) + count);
}
