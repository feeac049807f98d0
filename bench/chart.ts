/** The picture of the README: replies a second through each, for three sizes, readable on light and dark pages. */
import { laneOf, type Results } from "./results.ts";
import type { TargetName } from "./targets.ts";

const BARS: { target: TargetName; label: string; kind: "other" | "ours" }[] = [
  { target: "bare", label: "bare streaming proxy", kind: "other" },
  { target: "nginx", label: "nginx", kind: "other" },
  { target: "relay", label: "ImgRouter, relay", kind: "ours" },
  { target: "relay-disk", label: "ImgRouter, relay + store", kind: "ours" },
  { target: "backend", label: "ImgRouter, everything on", kind: "ours" },
];
const PANELS = [
  { name: "b64-1kb-c64", title: "1 KB, 64 connections" },
  { name: "b64-1.5mb-c8", title: "1.5 MB, 8 connections" },
  { name: "b64-4mb-c8", title: "4 MB, 8 connections" },
];

const WIDTH = 760;
const LABELS = 190;
const VALUES = 120;
const PADDING = 24;
const HEAD = 56;
const PANEL_HEAD = 26;
const BAR = 18;
const GAP = 5;
/** From the top of a bar to the line that its words stand on. */
const BASELINE = 13.5;
const FOOT = 36;

const STYLE = `
  .card { fill: #ffffff; stroke: #d0d7de }
  .ink { fill: #1f2328 } .faint { fill: #59636e }
  .other { fill: #afb8c1 } .ours { fill: #0969da }
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif }
  .title { font-size: 16px; font-weight: 600 } .panel { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .card { fill: #0d1117; stroke: #3d444d }
    .ink { fill: #f0f6fc } .faint { fill: #9198a1 }
    .other { fill: #656c76 } .ours { fill: #4493f8 }
  }`;

/** Draws the chart. Cases and targets that were not measured are left out. */
export function drawChart(results: Results): string {
  const panels = PANELS.map(({ name, title }) => ({ title, bars: barsOf(results, name) })).filter((
    { bars },
  ) => bars.length > 0);
  let y = HEAD;
  const drawn = panels.map(({ title, bars }) => {
    const panel = drawPanel(title, bars, y);
    y += PANEL_HEAD + bars.length * (BAR + GAP) + PADDING;
    return panel;
  });
  const { cpu, cores } = results.machine;
  const height = y + FOOT;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Images a second through each proxy">
<style>${STYLE}
</style>
<rect class="card" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
${text(PADDING, 34, "ink title", "Images a second, as b64_json")}
${drawn.join("\n")}
${
    text(
      PADDING,
      height - 20,
      "faint",
      `${cpu}, ${cores} cores, load and upstream on the same machine; ${results.date.slice(0, 10)}`,
    )
  }
</svg>
`;
}

interface Bar {
  label: string;
  kind: string;
  value: number;
  ratio: number;
}

function barsOf(results: Results, caseName: string): Bar[] {
  const bare = laneOf(results, caseName, "bare");
  if (!bare) return [];
  return BARS.flatMap(({ target, label, kind }) => {
    const lane = laneOf(results, caseName, target);
    const value = lane?.median.repliesPerSecond;
    return value === undefined ? [] : [{ label, kind, value, ratio: value / bare.median.repliesPerSecond }];
  });
}

function drawPanel(title: string, bars: Bar[], top: number): string {
  const left = PADDING + LABELS;
  const longest = Math.max(...bars.map(({ value }) => value));
  const rows = bars.map(({ label, kind, value, ratio }, index) => {
    const y = top + PANEL_HEAD + index * (BAR + GAP);
    const length = (WIDTH - left - VALUES) * value / longest;
    const told = `${Math.round(value).toLocaleString("en")} (${ratio.toFixed(2)} ×)`;
    return [
      text(left - 10, y + BASELINE, "ink", label, "end"),
      `<rect class="${kind}" x="${left}" y="${y}" width="${length.toFixed(1)}" height="${BAR}" rx="2"/>`,
      text(left + length + 8, y + BASELINE, "faint", told),
    ].join("\n");
  });
  return [text(PADDING, top + 16, "ink panel", title), ...rows].join("\n");
}

function text(x: number, y: number, kind: string, words: string, anchor = "start"): string {
  const safe = words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${
    y.toFixed(1)
  }" text-anchor="${anchor}">${safe}</text>`;
}
