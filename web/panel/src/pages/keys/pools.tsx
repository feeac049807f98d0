/** The pools: how many keys each has and in which state, and a way to look at one alone. */
import { formatNumber } from "../../format.ts";
import { type Counts, STATES } from "./keys.ts";
import { texts } from "./texts.ts";

export function Pools({ pools, total, selected, onSelect }: {
  pools: readonly (Counts & { provider: string })[];
  total: Counts;
  selected: string | undefined;
  onSelect: (provider: string | undefined) => void;
}) {
  const t = texts();
  return (
    <div class="keys-pools" role="group" aria-label={t.pools} tabIndex={0}>
      {[{ ...total, provider: undefined }, ...pools].map(({ provider, ...counts }) => (
        <button
          key={provider}
          type="button"
          class="keys-pool"
          aria-pressed={provider === selected}
          onClick={() => onSelect(provider)}
        >
          <span class="row apart">
            <strong>{provider ?? t.allPools}</strong>
            <span class="number">{formatNumber(counts.total)}</span>
          </span>
          <span class="keys-bar" aria-hidden="true">
            {STATES.map((state) => <i key={state} class={state} style={{ "--part": counts[state] }} />)}
          </span>
          <span class="soft small">
            {STATES.filter((state) => counts[state] > 0).map((state) =>
              t.stateCount(state, formatNumber(counts[state]))
            )
              .join(
                " · ",
              )}
          </span>
        </button>
      ))}
    </div>
  );
}
