/** Statistics in the form in which they are drawn. */
import type { Series } from "../../parts/chart.tsx";
import type { Stats, Summary } from "./overview.ts";

export const RANGES = ["hour", "day", "week", "month"] as const;
export const MEASURES = ["images", "requests", "failures", "costUsd"] as const;
export const BYS = ["provider", "model"] as const;
export type Measure = typeof MEASURES[number];
export type By = typeof BYS[number];

/** A provider, or one of its models, with its numbers. */
export type Part = Record<Measure, number[]> & {
  label: string;
  provider: string;
  model?: string;
  summary: Summary;
};

/** There are so many colours; the least busy share the last one. */
const MOST = 6;

/** Whether a text is one of some. */
export function isIn<Id extends string>(ids: readonly Id[], text: string | undefined): text is Id {
  return (ids as readonly (string | undefined)[]).includes(text);
}

/** What the gateway calls all models together that are in no list. */
export const OTHER = "other";

/** Busiest first. @param other what models in no list are called */
export function partsOf({ byProvider, byModel }: Stats, by: By, other: string): Part[] {
  return by === "provider"
    ? byProvider.map((part) => ({ ...part, label: part.provider }))
    : byModel.map((part) => ({
      ...part,
      label: `${part.model === OTHER ? other : part.model} · ${part.provider}`,
    }));
}

/** The largest in what is measured, and the others together. */
export function seriesOf(parts: Part[], measure: Measure, others: string): Series[] {
  const total = (part: Part) => part[measure].reduce((sum, value) => sum + value, 0);
  const ordered = parts.toSorted((a, b) => total(b) - total(a));
  const own = ordered.slice(0, ordered.length > MOST ? MOST - 1 : MOST);
  const rest = ordered.slice(own.length);
  const series: Series[] = own.map((part) => ({ label: part.label, values: part[measure] }));
  if (rest.length > 0) {
    const sum = rest[0]![measure].map((_, at) => rest.reduce((sum, part) => sum + part[measure][at]!, 0));
    series.push({ label: others, values: sum });
  }
  return series;
}
