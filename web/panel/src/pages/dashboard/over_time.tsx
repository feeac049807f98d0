/** What happened over an hour, a day, a week or a month, by provider or by model. */
import { useLocation } from "preact-iso";
import { api, call } from "../../api.ts";
import { formatDuration, formatMoney, formatNumber } from "../../format.ts";
import { Chart } from "../../parts/chart.tsx";
import { Card } from "../../parts/page.tsx";
import { Loaded } from "../../parts/states.tsx";
import { useResource } from "../../resource.ts";
import { Choice } from "./choice.tsx";
import type { Stats } from "./overview.ts";
import { type By, BYS, isIn, type Measure, MEASURES, partsOf, RANGES, seriesOf } from "./series.ts";
import { PartsTable } from "./parts_table.tsx";
import { texts } from "./texts.ts";

/** How often figures are read anew at most; a step of an hour's chart is a minute long. */
const GATHER = 4000;
const EVERY = 60_000;

export function OverTime() {
  const t = texts().over;
  const { path, query, route } = useLocation();
  const range = isIn(RANGES, query.range) ? query.range : "day";
  const measure = isIn(MEASURES, query.show) ? query.show : "images";
  const by = isIn(BYS, query.by) ? query.by : "provider";
  const choose = (change: Record<string, string>) =>
    route(`${path}?${new URLSearchParams({ range, show: measure, by, ...change })}`, true);
  const stats = useResource(
    (signal) => call(api.stats.$get({ query: { range } }, { init: { signal } })),
    { on: ["stats"], by: [range], gather: GATHER, every: EVERY },
  );
  const options = <Id extends string>(ids: readonly Id[], names: Record<Id, string>) =>
    ids.map((id) => ({ id, label: names[id] }));
  return (
    <Card
      title={t.title}
      actions={
        <>
          <Choice
            label={t.by}
            options={options(BYS, t.bys)}
            chosen={by}
            onChoose={(by) => choose({ by })}
          />
          <Choice
            label={t.range}
            options={options(RANGES, t.ranges)}
            chosen={range}
            onChoose={(range) => choose({ range })}
          />
        </>
      }
    >
      <div class="stack dash-over">
        <Choice
          label={t.measure}
          options={options(MEASURES, t.measures)}
          chosen={measure}
          onChoose={(show) => choose({ show })}
        />
        <Loaded from={stats} lines={9}>{(found) => <Charts {...{ found, measure, by }} />}</Loaded>
      </div>
    </Card>
  );
}

function Charts({ found, measure, by }: { found: Stats; measure: Measure; by: By }) {
  const t = texts().over;
  const times = found.times.map((time) => Date.parse(time));
  const parts = partsOf(found, by, t.otherModels);
  if (parts.length === 0) return <p class="dash-nothing soft">{t.nothing}</p>;
  return (
    <>
      <Chart
        kind="bars"
        label={t.chart(t.measures[measure], t.bys[by])}
        times={times}
        series={seriesOf(parts, measure, t.others)}
        format={measure === "costUsd" ? formatMoney : formatNumber}
      />
      <PartsTable parts={parts} by={by} />
      <h3>{t.times}</h3>
      <Chart
        label={t.times}
        times={times}
        series={[{ label: t.p50, values: found.total.p50Ms }, { label: t.p95, values: found.total.p95Ms }]}
        format={formatDuration}
        formatTick={formatDuration}
        height={150}
      />
    </>
  );
}
