/** The pattern behind everything: one of a few scenes in one of a few palettes, as the dice of a picture fall. */
import type { Dice } from "../../core/clock.ts";
import { type Box, fixed, type Size } from "./svg.ts";

/** Colours of a picture, from its lightest place to its darkest, and one that stands out. */
type Palette = readonly [light: string, middle: string, deep: string, dark: string, accent: string];

/** A surface to draw on; `unit` is the side of a square of the same area, so that scenes fit any shape. */
interface Canvas extends Size {
  unit: number;
  palette: Palette;
  dice: Dice;
}

const PALETTES: Palette[] = [
  ["#f6e7d2", "#e3b59b", "#a97b8a", "#3f3f5f", "#d9694f"],
  ["#e9f1ec", "#a9ccc3", "#5b8f95", "#234a5c", "#e8a15b"],
  ["#f4efe6", "#c9cfb0", "#7f9a7a", "#2f4f4a", "#d98a5f"],
  ["#eef0f7", "#b9c3e0", "#7682b5", "#2e3561", "#f0a8a0"],
  ["#fbeee6", "#f0c4b4", "#c98594", "#5a3d5c", "#e9b44c"],
  ["#e6f0f5", "#9fc4d8", "#4f87a8", "#1d3f5e", "#f3c66b"],
  ["#f3ecdf", "#d8bf98", "#a0805f", "#4a3b35", "#5f8f8b"],
  ["#ece8f3", "#c2b3d9", "#8a75ac", "#3c3157", "#7fb8a4"],
];

const SCENES: ((canvas: Canvas) => string)[] = [hills, ribbons, scales, tiles, orbits];

/** Draws the pattern as SVG; `clear` leaves the corners empty. */
export function drawPattern({ width, height }: Size, dice: Dice, clear: boolean): string {
  const palette = pick(PALETTES, dice);
  const scene = pick(SCENES, dice)({ width, height, unit: Math.sqrt(width * height), palette, dice });
  const radius = Math.min(width, height) * 0.46;
  const hole = `<clipPath id="round"><circle cx="${width / 2}" cy="${height / 2}" r="${radius}"/></clipPath>`;
  return clear ? `${hole}<g clip-path="url(#round)">${scene}</g>` : scene;
}

/** Ridge behind ridge under a low sun. */
function hills({ width, height, unit, palette, dice }: Canvas): string {
  const [light, middle, deep, dark, accent] = palette;
  const sun = { x: width * between(dice, 0.2, 0.8), y: height * between(dice, 0.2, 0.42) };
  const radius = unit * between(dice, 0.07, 0.12);
  const count = 6;
  const ridges = Array.from({ length: count }, (_, i) => {
    const near = i / (count - 1);
    const top = height * (0.42 + 0.46 * near);
    const colour = near < 0.5 ? mix(middle, deep, near * 2) : mix(deep, dark, near * 2 - 1);
    const wave = waveOf(dice, unit * (0.035 + 0.03 * near), unit * between(dice, 0.5, 0.9));
    return `<path d="${under(wave, top, { x: 0, y: 0, width, height })}" fill="${colour}"/>`;
  });
  const halo = [3.2, 2.2, 1.5].map((size) => disc(sun, radius * size, light, 0.28)).join("");
  return gradient("sky", mix(middle, light, 0.35), light) + sheet({ width, height }, "url(#sky)") +
    halo + disc(sun, radius, accent, 0.92) + ridges.join("");
}

/** Bands that flow across, each laid over the one before. */
function ribbons({ width, height, unit, palette, dice }: Canvas): string {
  const [light, middle, deep, dark, accent] = palette;
  const count = 11;
  const reach = Math.hypot(width, height);
  const lit = 1 + Math.floor(dice() * (count - 3));
  const bands = Array.from({ length: count }, (_, i) => {
    const at = i / (count - 1);
    const colour = i === lit ? accent : shade([light, middle, deep, dark], at);
    const wave = waveOf(dice, unit * 0.06, unit * between(dice, 0.6, 1.1));
    const top = (height - reach) / 2 + reach * (0.08 + 0.86 * at);
    const box = { x: (width - reach) / 2, y: 0, width: reach, height: (height + reach) / 2 };
    const path = under(wave, top, box);
    return `<path d="${path}" fill="#000" fill-opacity="0.07" transform="translate(0 ${-unit * 0.008})"/>` +
      `<path d="${path}" fill="${colour}"/>`;
  });
  const angle = between(dice, 15, 50) * (dice() < 0.5 ? -1 : 1);
  return sheet({ width, height }, light) +
    `<g transform="rotate(${angle.toFixed(1)} ${width / 2} ${height / 2})">${bands.join("")}</g>`;
}

/** Rows of fish scales, as on Japanese cloth. */
function scales({ width, height, unit, palette, dice }: Canvas): string {
  const [light, middle, deep, dark, accent] = palette;
  const radius = unit / between(dice, 9, 14);
  const step = radius / 2;
  let drawn = sheet({ width, height }, deep);
  for (let row = 0; row * step < height + 2 * radius; row++) {
    const colour = shade([light, middle, deep, dark], Math.min(1, row * step / (height + radius)));
    for (let x = row % 2 * radius; x < width + radius; x += 2 * radius) {
      const fill = dice() < 0.05 ? accent : mix(colour, light, dice() * 0.18);
      const at = { x, y: row * step };
      drawn += disc(at, radius, light) + disc(at, radius * 0.94, fill) +
        disc(at, radius * 0.66, light, 0.45) +
        disc(at, radius * 0.6, fill) + disc(at, radius * 0.33, light, 0.45) + disc(at, radius * 0.27, fill);
    }
  }
  return drawn;
}

/** Squares that hold a quarter, a half or a whole circle, in the manner of the Bauhaus. */
function tiles({ width, height, unit, palette, dice }: Canvas): string {
  const columns = Math.max(1, Math.round(width / unit * between(dice, 5, 8)));
  // Whole pixels, lest neighbours leave a seam.
  const side = Math.ceil(width / columns);
  const shapes = [
    `M0 0h1a1 1 0 0 1 -1 1z`,
    `M0 0a.5 .5 0 0 1 1 0z M0 1a.5 .5 0 0 1 1 0z`,
    `M0 0h1v.5a.5 .5 0 0 1 -1 0z`,
    `M.5 0a.5 .5 0 0 1 0 1a.5 .5 0 0 1 0 -1z`,
    `M0 0h1l-1 1z`,
    `M0 0a1 1 0 0 1 1 1h-1z M0 .5a.5 .5 0 0 1 .5 .5h-.5z`,
  ];
  let drawn = sheet({ width, height }, palette[0]);
  for (let row = 0; row * side < height; row++) {
    for (let column = 0; column < columns; column++) {
      const back = pick([palette[0], palette[0], palette[1], palette[2]], dice);
      const front = pick(palette.filter((colour) => colour !== back), dice);
      drawn += `<g transform="translate(${column * side} ${row * side}) scale(${side})` +
        ` rotate(${90 * Math.floor(dice() * 4)} .5 .5)"><path d="M0 0h1v1h-1z" fill="${back}"/>` +
        `<path d="${pick(shapes, dice)}" fill="${front}" fill-rule="evenodd"/></g>`;
    }
  }
  return drawn;
}

/** Rings about a few centres, with a planet on some of them. */
function orbits({ width, height, unit, palette, dice }: Canvas): string {
  const [light, middle, deep, dark, accent] = palette;
  let drawn = gradient("night", dark, mix(dark, deep, 0.7)) + sheet({ width, height }, "url(#night)");
  for (let i = 0; i < 60; i++) {
    const at = { x: width * dice(), y: height * dice() };
    drawn += disc(at, unit * between(dice, 0.0008, 0.0025), light, between(dice, 0.3, 0.9));
  }
  const centre = { x: width * between(dice, 0.25, 0.75), y: height * between(dice, 0.25, 0.55) };
  for (let ring = 9; ring > 0; ring--) {
    const radius = unit * (0.09 + ring * 0.075);
    const angle = dice() * 2 * Math.PI;
    const planet = { x: centre.x + radius * Math.cos(angle), y: centre.y + radius * Math.sin(angle) };
    drawn += disc(centre, radius, deep, 0.13) +
      `<circle ${place(centre)} r="${fixed(radius)}" fill="none" stroke="${middle}" stroke-opacity="0.5" ` +
      `stroke-width="${fixed(unit * 0.0015)}"/>`;
    if (dice() < 0.75) {
      drawn += disc(planet, unit * between(dice, 0.008, 0.03), pick([light, middle, accent], dice));
    }
  }
  const core = unit * 0.075;
  return drawn + disc(centre, core * 1.5, accent, 0.2) + disc(centre, core, accent) +
    disc(centre, core * 0.7, light, 0.25);
}

type Wave = (x: number) => number;

/** A calm wave of a few sines. @param height of its swing. @param length of its longest period. */
function waveOf(dice: Dice, height: number, length: number): Wave {
  const parts = [1, 0.5, 0.24].map((share) => ({
    height: height * share ** 1.3,
    turn: 2 * Math.PI / (length * share * between(dice, 0.85, 1.15)),
    phase: dice() * 2 * Math.PI,
  }));
  return (x) => parts.reduce((y, part) => y + part.height * Math.sin(x * part.turn + part.phase), 0);
}

/** The area of a box that lies under a wave about `top`, as path data. */
function under(wave: Wave, top: number, { x, y, width, height }: Box): string {
  const points = Math.min(600, 80 + Math.ceil(width / height * 40));
  const crest = Array.from({ length: points + 1 }, (_, i) => {
    const at = x + width * i / points;
    return `L${fixed(at)} ${fixed(top + wave(at))}`;
  });
  return `M${fixed(x)} ${fixed(y + height)}${crest.join("")}V${fixed(y + height)}z`;
}

// `fill-opacity`, here and below: plain `opacity` makes the renderer set up a whole new picture for each shape.
function disc(at: { x: number; y: number }, radius: number, fill: string, opacity = 1): string {
  return `<circle ${place(at)} r="${fixed(radius)}" fill="${fill}"${
    opacity < 1 ? ` fill-opacity="${fixed(opacity)}"` : ""
  }/>`;
}

function place({ x, y }: { x: number; y: number }): string {
  return `cx="${fixed(x)}" cy="${fixed(y)}"`;
}

function sheet({ width, height }: Size, fill: string): string {
  return `<rect width="${width}" height="${height}" fill="${fill}"/>`;
}

function gradient(id: string, from: string, to: string): string {
  return `<linearGradient id="${id}" x2="0" y2="1"><stop stop-color="${from}"/>` +
    `<stop offset="1" stop-color="${to}"/></linearGradient>`;
}

/** The colour at 0–1 of a row of colours that run into one another. */
function shade(colours: string[], at: number): string {
  const scaled = at * (colours.length - 1);
  const from = Math.min(colours.length - 2, Math.floor(scaled));
  return mix(colours[from]!, colours[from + 1]!, scaled - from);
}

/** @param share of `other`, 0–1. */
function mix(colour: string, other: string, share: number): string {
  const [a, b] = [parseInt(colour.slice(1), 16), parseInt(other.slice(1), 16)];
  const parts = [16, 8, 0].map((shift) => {
    const [from, to] = [a >> shift & 255, b >> shift & 255];
    return Math.round(from + (to - from) * share).toString(16).padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

function pick<T>(choices: readonly T[], dice: Dice): T {
  return choices[Math.floor(dice() * choices.length)]!;
}

function between(dice: Dice, low: number, high: number): number {
  return low + dice() * (high - low);
}
