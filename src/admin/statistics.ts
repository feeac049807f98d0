/** What was counted, as charts and tables show it: series over a range, and what they come to. */
import { addTimes, quantileMs } from "../store/time_histogram.ts";
import type { Stats } from "../store/stats.ts";
import type { Counted, StepSums, Sums } from "../store/stats_reader.ts";
import { DAY, HOUR, MINUTE, type Span } from "../store/stats_tally.ts";

/** How far back to look. */
export type Range = "hour" | "day" | "week" | "month";

/** What a stretch of time came to. Shares are from 0 to 1, and absent where there was nothing. */
export interface Summary extends Sums {
  /** Of the requests. */
  successRate?: number;
  /** Of the calls to providers. */
  callSuccessRate?: number;
  /** Time to image of delivered requests. */
  p50Ms?: number;
  p95Ms?: number;
  /** How many requests failed, by kind. */
  failureKinds: Record<string, number>;
  /** How many calls failed, by kind. */
  callFailureKinds: Record<string, number>;
}

/** Numbers by step, for a chart. */
export interface Series {
  requests: number[];
  failures: number[];
  images: number[];
  costUsd: number[];
}

/** A range in numbers. Times in ms since the epoch. */
export interface Statistics {
  range: Range;
  from: number;
  to: number;
  stepMs: number;
  /** Where each step starts. */
  times: number[];
  /** `null` where no image came in a step. */
  total: Series & { p50Ms: (number | null)[]; p95Ms: (number | null)[]; summary: Summary };
  /** Busiest first. */
  byProvider: (Series & { provider: string; summary: Summary })[];
  byModel: (Series & { provider: string; model: string; summary: Summary })[];
}

const RANGES: Record<Range, { span: Span; step: number; steps: number }> = {
  hour: { span: MINUTE, step: MINUTE, steps: 60 },
  day: { span: MINUTE, step: 15 * MINUTE, steps: 96 },
  week: { span: HOUR, step: 2 * HOUR, steps: 84 },
  month: { span: DAY, step: DAY, steps: 31 },
};

/** What happened in the range that ends now. */
export async function statisticsOf(stats: Stats, range: Range, now: number): Promise<Statistics> {
  const { span, step, steps } = RANGES[range];
  const to = now - now % step + step;
  const from = to - steps * step;
  const times = Array.from({ length: steps }, (_, index) => from + index * step);
  const rows = await stats.steps({ from, to }, span, step);
  const counts = await stats.countsByRoute({ from, to }, span);
  const timesByStep = Map.groupBy(
    await stats.countsByStep({ from, to }, span, step, "time"),
    ({ time }) => time,
  );
  const quantiles = (quantile: number) =>
    times.map((time) => quantileMs(timeCounts(timesByStep.get(time) ?? []), quantile) ?? null);
  const part = (ofPart: StepSums[], counted: Counted[]) => ({
    ...seriesOf(ofPart, from, step, steps),
    summary: summaryOf(ofPart, counted),
  });
  const asked = rows.filter(({ provider }) => provider !== "");
  return {
    range,
    from,
    to,
    stepMs: step,
    times,
    total: { ...part(rows, counts), p50Ms: quantiles(0.5), p95Ms: quantiles(0.95) },
    byProvider: busiestFirst(
      [...Map.groupBy(asked, ({ provider }) => provider)].map(([provider, ofPart]) => ({
        provider,
        ...part(ofPart, counts.filter((count) => count.provider === provider)),
      })),
    ),
    byModel: busiestFirst(
      [...Map.groupBy(asked, ({ provider, model }) => `${provider}/${model}`).values()].map((ofPart) => {
        const { provider, model } = ofPart[0]!;
        const counted = counts.filter((count) => count.provider === provider && count.model === model);
        return { provider, model, ...part(ofPart, counted) };
      }),
    ),
  };
}

/** What the last `ms` came to, to the minute. */
export async function lately(stats: Stats, ms: number, now: number): Promise<Summary> {
  const stretch = { from: now - now % MINUTE - ms + MINUTE, to: now + 1 };
  return summaryOf([await stats.sum(stretch, MINUTE)], await stats.countsByRoute(stretch, MINUTE));
}

const NOTHING: Sums = {
  requests: 0,
  failures: 0,
  images: 0,
  unpricedImages: 0,
  costUsd: 0,
  bytes: 0,
  calls: 0,
  failedCalls: 0,
};

function summaryOf(rows: Sums[], counts: Counted[]): Summary {
  const sums = { ...NOTHING };
  for (const row of rows) {
    for (const name of Object.keys(NOTHING) as (keyof Sums)[]) sums[name] += row[name];
  }
  const times = timeCounts(counts.filter(({ kind }) => kind === "time"));
  return {
    ...sums,
    successRate: share(sums.requests - sums.failures, sums.requests),
    callSuccessRate: share(sums.calls - sums.failedCalls, sums.calls),
    p50Ms: quantileMs(times, 0.5),
    p95Ms: quantileMs(times, 0.95),
    failureKinds: kinds(counts, "failure"),
    callFailureKinds: kinds(counts, "call"),
  };
}

function seriesOf(rows: StepSums[], from: number, step: number, steps: number): Series {
  const empty = () => new Array<number>(steps).fill(0);
  const series: Series = { requests: empty(), failures: empty(), images: empty(), costUsd: empty() };
  for (const row of rows) {
    const index = (row.time - from) / step;
    for (const name of Object.keys(series) as (keyof Series)[]) series[name][index]! += row[name];
  }
  return series;
}

function timeCounts(counts: Counted[]): Map<number, number> {
  const times = new Map<number, number>();
  for (const { what, count } of counts) addTimes(times, new Map([[Number(what), count]]));
  return times;
}

function kinds(counts: Counted[], wanted: Counted["kind"]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { kind, what, count } of counts) {
    if (kind === wanted) found[what] = (found[what] ?? 0) + count;
  }
  return found;
}

function share(part: number, whole: number): number | undefined {
  return whole > 0 ? part / whole : undefined;
}

function busiestFirst<T extends { summary: Summary }>(parts: T[]): T[] {
  return parts.sort((a, b) => b.summary.requests - a.summary.requests || b.summary.calls - a.summary.calls);
}
