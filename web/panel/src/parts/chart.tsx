/** A chart over time, loaded when one is shown, in the colours of the theme, and as a table for who can't see it. */
import { useSignal } from "@preact/signals";
import { lazy } from "preact-iso";
import { formatNumber, formatTime } from "../format.ts";
import { partTexts } from "./texts.ts";

/** One line or one part of the bars. */
export interface Series {
  label: string;
  values: readonly (number | null)[];
}

export interface ChartProps {
  label: string;
  /** Ms since the epoch, ascending. */
  times: readonly number[];
  series: readonly Series[];
  kind?: "line" | "bars";
  /** How a value is written: `formatMoney`. */
  format?: (value: number) => string;
  /** How it is written beside the axis, where there is little room. */
  formatTick?: (value: number) => string;
  /** In px. */
  height?: number;
}

const Canvas = lazy(() => import("./chart_canvas.tsx").then(({ ChartCanvas }) => ChartCanvas));

/** `<Chart label={t.cost} times={times} series={[{ label: "OpenAI", values }]} format={formatMoney} kind="bars" />` */
export function Chart(props: ChartProps) {
  const t = partTexts();
  const isTable = useSignal(false);
  const { label, times, series, format = formatNumber, height = 224 } = props;
  return (
    <figure class="chart" aria-label={label}>
      <div class="canvas" style={{ "--chart-height": `${height}px` }} aria-hidden="true">
        <Canvas {...props} />
      </div>
      {series.length > 1 && (
        <ul class="chart-legend" aria-hidden="true">
          {series.map((one, index) => (
            <li key={one.label} style={{ "--series": seriesColour(index) }}>{one.label}</li>
          ))}
        </ul>
      )}
      <details onToggle={({ currentTarget }) => isTable.value = currentTarget.open}>
        <summary>{t.asTable}</summary>
        {isTable.value && (
          <div class="table-box" tabIndex={0}>
            <table class="table" aria-label={label}>
              <thead>
                <tr>
                  <th scope="col">{t.time}</th>
                  {series.map((one) => <th key={one.label} scope="col" class="numeric">{one.label}</th>)}
                </tr>
              </thead>
              <tbody>
                {times.map((time, index) => (
                  <tr key={time}>
                    <td class="lead">{formatTime(time, { dateStyle: "short", timeStyle: "short" })}</td>
                    {series.map((one) => (
                      <td key={one.label} class="numeric" data-label={one.label}>
                        {written(one.values[index], format)}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </details>
    </figure>
  );
}

/** A value in words; where there is none, that is said. */
export function written(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? "–" : format(value);
}

/** The colour of a series; there are six, then they begin anew. */
export function seriesColour(index: number): string {
  return `var(--series-${index % 6 + 1})`;
}
