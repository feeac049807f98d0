/** The drawing of a chart, by uPlot; a chunk of its own. */
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { formatNumber, formatShort, formatTime } from "../format.ts";
import { isDark } from "../theme.ts";
import { type ChartProps, written } from "./chart.tsx";

type ChartOptions = Omit<ChartProps, "label">;

/** Draws, and draws again when the theme or the room changes. */
export function ChartCanvas(
  { times, series, kind = "line", format = formatNumber, formatTick = shortened(format), height = 224 }:
    ChartProps,
) {
  const box = useRef<HTMLDivElement>(null);
  const dark = isDark();
  const shape = `${kind} ${dark} ${height} ${series.map(({ label }) => label).join("\n")}`;
  const plot = useRef<UPlot | undefined>(undefined);
  const data = dataOf(times, series, kind);
  useEffect(() => {
    const element = box.current!;
    plot.current = new UPlot(
      optionsOf(element, { series, kind, format, formatTick, height, times }),
      data,
      element,
    );
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data), [times, series]);
  return <div ref={box} />;
}

/** Bars stand on each other: each series is drawn with those after it added, the tallest first. */
function dataOf(
  times: readonly number[],
  series: ChartProps["series"],
  kind: ChartProps["kind"],
): UPlot.AlignedData {
  const seconds = times.map((time) => time / 1000);
  if (kind !== "bars") return [seconds, ...series.map(({ values }) => [...values])];
  const stacked = series.map((_, first) =>
    times.map((_, at) => series.slice(first).reduce((sum, { values }) => sum + (values[at] ?? 0), 0))
  );
  return [seconds, ...stacked];
}

function optionsOf(
  element: HTMLElement,
  { series, kind, format, formatTick, height, times }: Required<ChartOptions>,
): UPlot.Options {
  const style = getComputedStyle(element);
  // A canvas knows neither variables nor light-dark(): let the browser work them out.
  const probe = element.appendChild(document.createElement("span"));
  const colour = (name: string) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const ink = colour("--ink-soft");
  const line = colour("--line");
  const room = kind === "bars" ? (times[1]! - times[0]!) / 2000 || 0 : 0;
  const colours = series.map((_, index) => colour(`--series-${index % 6 + 1}`));
  probe.remove();
  const axis: UPlot.Axis = {
    stroke: ink,
    font: `12px ${style.fontFamily}`,
    grid: { stroke: line, width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    padding: [12, 8, 0, 0],
    scales: {
      // A bar stands on both sides of its moment.
      x: { range: (_plot, low, high) => [low - room, high + room] },
      y: { range: (_plot, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 30,
        space: 64,
        values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => tickOf(tick, step)),
      },
      {
        ...axis,
        size: 58,
        values: (_plot, ticks) => ticks.map(formatTick),
      },
    ],
    series: [
      {},
      ...series.map(({ label }, index): UPlot.Series => ({
        label,
        stroke: colours[index],
        width: kind === "bars" ? 0 : 2,
        fill: kind === "bars" ? colours[index] : series.length === 1 ? soft(colours[index]!) : undefined,
        paths: kind === "bars" ? UPlot.paths.bars!({ size: [0.7, 40], radius: 0.15 }) : undefined,
        // A value between two gaps has no line.
        points: {
          show: (plot, at) => kind === "line" && plot.data[at]!.some((value) => value === null),
          size: 5,
        },
        value: (_plot, value) => value === null ? "" : format(value),
      })),
    ],
    plugins: [tipOf(series, format)],
  };
}

function shortened(format: (value: number) => string): (value: number) => string {
  return (value) => value < 1000 ? format(value) : formatShort(value);
}

function soft(colour: string): string {
  return `color-mix(in srgb, ${colour} 14%, transparent)`;
}

function tickOf(seconds: number, step: number): string {
  return formatTime(
    seconds * 1000,
    step < 86_400
      ? { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }
      : { month: "short", day: "numeric" },
  );
}

/** The values under the mouse, in a box beside it. */
function tipOf(series: ChartProps["series"], format: (value: number) => string): UPlot.Plugin {
  const tip = document.createElement("div");
  tip.className = "chart-tip";
  return {
    hooks: {
      init: (plot) => void plot.over.append(tip),
      setCursor: (plot) => {
        const { idx, left = 0 } = plot.cursor;
        tip.hidden = idx === null || idx === undefined || left < 0;
        if (tip.hidden) return;
        const time = plot.data[0][idx!]!;
        const lines = series.map(({ label, values }) => `${label}  ${written(values[idx!], format)}`);
        tip.textContent = [formatTime(time * 1000, { dateStyle: "medium", timeStyle: "short" }), ...lines]
          .join("\n");
        const isRight = left > plot.over.clientWidth / 2;
        tip.style.left = isRight ? "" : `${left + 12}px`;
        tip.style.right = isRight ? `${plot.over.clientWidth - left + 12}px` : "";
      },
    },
  };
}
