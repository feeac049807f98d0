/** Sizes and shapes: reading what callers write, and finding the nearest that a model allows. */
import type { Size } from "./request.ts";

/** Which sizes a model can make. */
export type SizeRule =
  /** One of these, each `WxH`. */
  | { kind: "listed"; sizes: readonly string[] }
  /** Any pixels within bounds. Edges and pixels are `[least, most]`, the ratio is the longer by the shorter edge. */
  | {
    kind: "free";
    multipleOf?: number;
    edge?: readonly [number, number];
    pixels?: readonly [number, number];
    maxRatio?: number;
    /** Sizes that are recommended, each `WxH`: taken for a shape alone, and where a size is not allowed as it is. */
    preferred?: readonly string[];
  }
  /** A shape such as `16:9`, from a list; the model chooses the pixels. */
  | { kind: "ratios"; ratios: readonly string[] }
  /** No choice: it follows its input, or always makes the same. */
  | { kind: "fixed" };

/** `1024x768` and the spellings with `*`, `×` and blanks. Gives `undefined` for anything else. */
export function parseSize(text: string): Size | undefined {
  const match = /^\s*(\d{1,5})\s*[x*×]\s*(\d{1,5})\s*$/i.exec(text);
  if (!match) return undefined;
  const size = { width: Number(match[1]), height: Number(match[2]) };
  return size.width > 0 && size.height > 0 ? size : undefined;
}

/** `16:9` as width / height. Gives `undefined` for anything else, and for shapes beyond 100:1. */
export function parseRatio(text: string): number | undefined {
  const match = /^\s*(\d{1,4}(?:\.\d+)?)\s*:\s*(\d{1,4}(?:\.\d+)?)\s*$/.exec(text);
  if (!match) return undefined;
  const ratio = Number(match[1]) / Number(match[2]);
  return ratio >= 0.01 && ratio <= 100 ? ratio : undefined;
}

/** `1024x768`. */
export function sizeText({ width, height }: Size): string {
  return `${width}x${height}`;
}

/** The size nearest to `wanted` that `rule` allows; `undefined` where the rule leaves pixels to the model. */
export function nearestSize(wanted: Size, rule: SizeRule): Size | undefined {
  if (rule.kind === "listed") return nearestListed(wanted, rule.sizes);
  if (rule.kind === "free") return nearestFree(wanted, rule);
  return undefined;
}

/** A size of shape `ratio` (width / height) that `rule` allows, as near to `pixels` in area as it gets. */
export function sizeOfRatio(ratio: number, rule: SizeRule, pixels = 1024 * 1024): Size | undefined {
  const wanted = {
    width: Math.max(1, Math.round(Math.sqrt(pixels * ratio))),
    height: Math.max(1, Math.round(Math.sqrt(pixels / ratio))),
  };
  return preferredOf(wanted, rule) ?? nearestSize(wanted, rule);
}

/** The entry of `ratios` nearest in shape to `ratio` (width / height). */
export function nearestRatio(ratio: number, ratios: readonly string[]): string {
  return nearest(ratios, (text) => Math.abs(Math.log(ratio / parseRatio(text)!)));
}

/** The recommended size of the shape of `wanted`, if there is one. */
function preferredOf(wanted: Size, rule: SizeRule): Size | undefined {
  if (rule.kind !== "free" || !rule.preferred) return undefined;
  const shape = wanted.width / wanted.height;
  const alike = rule.preferred.filter((text) => {
    const { width, height } = parseSize(text)!;
    return Math.abs(Math.log(width / height / shape)) <= SAME_SHAPE;
  });
  return alike.length > 0 ? nearestListed(wanted, alike) : undefined;
}

/** By how much shapes may differ and still count as one, as a logarithm: 1792x1024 is what some call 16:9. */
const SAME_SHAPE = 0.025;

function nearestListed(wanted: Size, sizes: readonly string[]): Size {
  const area = (size: Size) => size.width * size.height;
  const shape = (size: Size) => size.width / size.height;
  // A wrong shape cuts heads off and a wrong area only costs detail, so shape weighs four times as much.
  const distance = (size: Size) =>
    4 * Math.abs(Math.log(shape(size) / shape(wanted))) + Math.abs(Math.log(area(size) / area(wanted)));
  return nearest(sizes.map((text) => parseSize(text)!), distance);
}

function nearestFree(wanted: Size, rule: Extract<SizeRule, { kind: "free" }>): Size {
  const { multipleOf = 1, edge = [multipleOf, 16384], pixels = [1, Infinity], maxRatio = Infinity } = rule;
  const least = Math.ceil(edge[0] / multipleOf) * multipleOf;
  const most = Math.floor(edge[1] / multipleOf) * multipleOf;
  const widest = Math.min(maxRatio, most / least);
  const shape = clamp(wanted.width / wanted.height, 1 / widest, widest);
  // The longer edge bounds the area of a shape from above, the shorter one from below.
  const long = Math.max(shape, 1 / shape);
  const area = clamp(
    clamp(wanted.width * wanted.height, pixels[0], pixels[1]),
    least ** 2 * long,
    most ** 2 / long,
  );
  const allowed = (size: Size) =>
    size.width * size.height >= pixels[0] && size.width * size.height <= pixels[1] &&
    Math.max(size.width / size.height, size.height / size.width) <= maxRatio + 1e-9;
  if (isOnGrid(wanted, multipleOf, least, most) && allowed(wanted)) return wanted;
  const preferred = preferredOf(wanted, rule);
  if (preferred) return preferred;
  const width = Math.sqrt(area * shape);
  const height = Math.sqrt(area / shape);
  const near = (edge: number) => around(edge, multipleOf, least, most);
  // At the limit of the ratio one step of the shorter edge takes many of the longer one.
  const candidates = [
    ...near(width).flatMap((w) =>
      [...near(height), ...near(w / shape)].map((h) => ({ width: w, height: h }))
    ),
    ...near(height).flatMap((h) => near(h * shape).map((w) => ({ width: w, height: h }))),
  ];
  const best = candidates.filter(allowed);
  return nearest(
    best.length > 0 ? best : candidates,
    (size) => Math.abs(Math.log(size.width / width)) + Math.abs(Math.log(size.height / height)),
  );
}

function isOnGrid({ width, height }: Size, step: number, least: number, most: number): boolean {
  return [width, height].every((edge) => edge % step === 0 && edge >= least && edge <= most);
}

/** Multiples of `step` near `edge`: enough of them that one satisfies area and ratio together. */
function around(edge: number, step: number, least: number, most: number): number[] {
  const middle = Math.round(edge / step);
  return [-2, -1, 0, 1, 2].map((offset) => clamp((middle + offset) * step, least, most));
}

function nearest<T>(items: readonly T[], distance: (item: T) => number): T {
  return items.reduce((best, item) => distance(item) < distance(best) ? item : best);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
