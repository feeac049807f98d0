/** What weights become when somebody puts the channels of a task in another order. */

/** A channel and its weight. */
export interface Weighed {
  name: string;
  weight: number;
}

/** Between neighbours where numbers have to be made up. */
const STEP = 10;

/**
 * The weights that change after `moved` was put at its place in `order`. As few as possible do: others keep
 * theirs, and above all stay as equal as they were, because equals share.
 */
export function weightsAfterMove(order: readonly Weighed[], moved: string): Record<string, number> {
  const place = order.findIndex(({ name }) => name === moved);
  const above = order.slice(0, place);
  const lowest = above.at(-1)?.weight;
  const highest = order[place + 1]?.weight ?? 0;
  if (lowest === undefined) return { [moved]: highest + STEP };
  if (lowest - highest >= 2) return { [moved]: Math.floor((lowest + highest) / 2) };
  const weight = highest + STEP / 2;
  const lift = weight + STEP / 2 - lowest;
  return {
    [moved]: weight,
    ...Object.fromEntries(above.map((channel) => [channel.name, channel.weight + lift])),
  };
}
