/** The numbers that matter, in one row. */
import type { ComponentChildren } from "preact";
import { formatDuration, formatMoney, formatNumber, formatShare } from "../../format.ts";
import { Figure } from "../../parts/page.tsx";
import type { Overview } from "./overview.ts";
import { texts } from "./texts.ts";

export function Figures({ live, lastHour, cost }: Overview) {
  const t = texts().figures;
  const waiting = Object.values(live.waiting).reduce((sum, count) => sum + count, 0);
  const { requests, failures, successRate, p50Ms, p95Ms } = lastHour;
  return (
    <section class="dash-figures" aria-label={t.label}>
      <Figure
        label={t.requests}
        hint={[t.inFlight(formatNumber(live.inFlight)), waiting > 0 && t.waiting(formatNumber(waiting))]
          .filter(Boolean).join(", ")}
      >
        {formatNumber(live.requestsPerMinute)}
      </Figure>
      <Figure label={t.images}>{formatNumber(live.imagesPerMinute)}</Figure>
      <Figure
        label={t.rate}
        hint={requests > 0 ? t.failed(formatNumber(failures), formatNumber(requests)) : t.noRequests}
      >
        {successRate === null ? "–" : formatShare(successRate)}
      </Figure>
      <Figure label={t.time} hint={p95Ms === null ? undefined : t.p95(formatDuration(p95Ms))}>
        {p50Ms === null ? "–" : formatDuration(p50Ms)}
      </Figure>
      <CostFigure label={t.today} usd={cost.todayUsd} unpriced={cost.todayUnpricedImages} />
      <CostFigure label={t.month} usd={cost.monthUsd} unpriced={cost.monthUnpricedImages} />
    </section>
  );
}

/** A sum that leaves something out says so; nothing but unknown prices is unknown, and never zero. */
function CostFigure({ label, usd, unpriced }: { label: string; usd: number; unpriced: number }) {
  const t = texts().figures;
  const images = t.images_(unpriced, formatNumber(unpriced));
  let hint: ComponentChildren = usd > 0 ? t.known : t.nothing;
  if (unpriced > 0) hint = usd > 0 ? t.unpriced(images) : t.unknownHint(images);
  return (
    <Figure label={label} hint={hint}>
      {usd === 0 && unpriced > 0 ? t.unknown : formatMoney(usd)}
    </Figure>
  );
}
