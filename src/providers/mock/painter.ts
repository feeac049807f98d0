/**
 * Paints real pictures with no service anywhere: a pattern that belongs to the prompt and the seed, and a
 * label that tells what was asked. The whole picture is written as one SVG, which sharp turns into pixels on
 * threads of its own, so that even a large one does not hold up other requests.
 */
import type { Buffer } from "node:buffer";
import type { Sharp } from "sharp";
import type { Dice } from "../../core/clock.ts";
import { Failed } from "../../core/failure.ts";
import { readImageFacts } from "../../core/media.ts";
import { type Font, GLYPH_HEIGHT, type Line, loadFont } from "./font.ts";

/** What to paint. Equal paintings give equal bytes. */
export interface Painting {
  /** Pixels, 16–8192. */
  width: number;
  /** Pixels, 16–8192. */
  height: number;
  prompt: string;
  seed: number;
  /** A line above the prompt, such as "Edit of 2 images". */
  title?: string;
  /** PNG, JPEG, WebP or GIF images, shown as prints upon the pattern. */
  inputs?: Uint8Array[];
  /** @default "png" */
  format?: "png" | "jpeg" | "webp";
  /** 0–100, for jpeg and webp. @default 90 */
  quality?: number;
  /** Leaves the corners clear, where the format can do so. @default false */
  transparent?: boolean;
}

interface Size {
  width: number;
  height: number;
}

interface Box extends Size {
  x: number;
  y: number;
}

/** An input, decoded, made small enough to be shown, and where it hangs. */
interface Print extends Box {
  pixels: Buffer;
}

const SIDES = { min: 16, max: 8192 };
/** Larger inputs are refused unread: a few bytes can claim to be a picture that fills the memory. */
const MAX_INPUT_PIXELS = 40_000_000;
const MAX_PRINT_SIDE = 1600;
const INPUT_TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
/** More would not fit on any label; the pattern depends on all of it. */
const MAX_SHOWN_PROMPT = 4000;

/**
 * Paints a picture of exactly the size asked for, and gives its file. An abort is noticed between the steps,
 * of which the longest takes some 400 ms at 4096x4096.
 * @throws Failed `invalid_request` if the size is out of range or an input can't be decoded.
 */
export async function paint(painting: Painting, signal?: AbortSignal): Promise<Uint8Array> {
  checkSize(painting);
  signal?.throwIfAborted();
  const [font, dice] = await Promise.all([loadFont(), diceOf(painting)]);
  const label = layOutLabel(painting, font);
  const prints: Print[] = [];
  for (const [index, place] of placePrints(painting, label).entries()) {
    signal?.throwIfAborted();
    prints.push(await developPrint(painting.inputs![index]!, index, place));
  }
  signal?.throwIfAborted();

  const { width, height, transparent = false, format = "png" } = painting;
  const clear = transparent && format !== "jpeg";
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `${drawPattern(painting, dice, clear)}${prints.map(drawFrame).join("")}${label.svg}</svg>`;
  const { default: sharp } = await import("sharp");
  const picture = sharp(new TextEncoder().encode(svg)).composite(
    prints.map(({ pixels, x, y, width, height }) => (
      { input: pixels, raw: { width, height, channels: 4 }, left: x, top: y }
    )),
  );
  const { data } = await encode(clear ? picture : picture.removeAlpha(), painting).toUint8Array();
  signal?.throwIfAborted();
  return data;
}

function checkSize({ width, height }: Size) {
  for (const side of [width, height]) {
    if (Number.isInteger(side) && side >= SIDES.min && side <= SIDES.max) continue;
    const message = `Cannot paint ${width}x${height}: each side must be ${SIDES.min}–${SIDES.max} pixels`;
    throw new Failed({ kind: "invalid_request", message, param: "size" });
  }
}

function encode(picture: Sharp, { format = "png", quality = 90, width, height }: Painting): Sharp {
  const options = { quality: Math.min(100, Math.max(1, Math.round(quality))) };
  if (format === "jpeg") return picture.jpeg(options);
  if (format === "webp") return picture.webp({ ...options, effort: 2 });
  // Flat colours pack well at any level; a high one only costs time on a large picture.
  return picture.png({ compressionLevel: width * height > 4_000_000 ? 3 : 6 });
}

/** Chance that is the same for the same prompt and seed: sfc32, sown with their hash. */
async function diceOf({ prompt, seed }: Painting): Promise<Dice> {
  const text = new TextEncoder().encode(`${seed}\n${prompt}`);
  const hash = new DataView(await crypto.subtle.digest("SHA-256", text));
  let [a, b, c, d] = [hash.getInt32(0), hash.getInt32(4), hash.getInt32(8), hash.getInt32(12)];
  return () => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
}

// ---- The pattern ----

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

function drawPattern({ width, height }: Size, dice: Dice, clear: boolean): string {
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

function fixed(value: number): string {
  return value.toFixed(2);
}

// ---- The label ----

/** The panel at the bottom: title, prompt, size and seed. Without a box where there is no room for one. */
interface Label {
  svg: string;
  margin: number;
  box?: Box;
}

const INK = { paper: "#fdfbf7", text: "#26262e", quiet: "#7b7780", title: "#a4533c" };
const MAX_COLUMNS = 72;
const MAX_LINES = 8;
/** Of a line, in heights of a glyph. */
const LEADING = 1.25;

/** A line of the label; `dot` is the side of one of its dots in pixels. */
interface Row extends Line {
  colour: string;
  dot: number;
}

function layOutLabel(painting: Painting, font: Font): Label {
  const { width, height, prompt, seed, title } = painting;
  const dot = Math.max(
    1,
    Math.min(Math.round(Math.sqrt(width * height) / 450), Math.floor(width / 160), Math.floor(height / 100)),
  );
  const small = Math.max(1, Math.ceil(dot / 2));
  const margin = Math.round(Math.min(width, height) * 0.035);
  const padding = Math.round(Math.min(margin * 0.8, GLYPH_HEIGHT * dot * 0.8)) + 2;
  const room = { width: width - 2 * (margin + padding), height: height * 0.45 - 2 * padding };
  if (room.width < 40 || room.height < GLYPH_HEIGHT) return { svg: "", margin };

  const rows: Row[] = [];
  const set = (text: string, colour: string, dot: number, maxLines: number) => {
    const dots = Math.floor(Math.min(room.width / dot, MAX_COLUMNS * 8));
    rows.push(...font.set(text, dots, maxLines).map((line) => ({ ...line, colour, dot })));
  };
  const leading = GLYPH_HEIGHT * LEADING * dot;
  const withFacts = room.height >= 2 * leading;
  const withTitle = title && room.height >= 3 * leading;
  const lines = Math.floor(room.height / leading) - (withFacts ? 1 : 0) - (withTitle ? 1 : 0);
  if (withTitle) set(title, INK.title, small, 1);
  set(prompt.slice(0, MAX_SHOWN_PROMPT), INK.text, dot, Math.min(MAX_LINES, Math.max(1, lines)));
  if (withFacts) set(`${width} × ${height} · seed ${seed}`, INK.quiet, small, 1);
  return rows.length > 0 ? drawLabel(rows, painting, margin, padding) : { svg: "", margin };
}

/** Puts the rows on a panel that is as wide as the longest, in the lower left corner. */
function drawLabel(rows: Row[], { height }: Size, margin: number, padding: number): Label {
  const largest = Math.max(...rows.map((row) => row.dot));
  const gap = Math.round(GLYPH_HEIGHT * (LEADING - 1) * largest);
  let down = padding - gap;
  const drawn = rows.map(({ colour, dot, path }) => {
    const top = down + gap;
    down = top + GLYPH_HEIGHT * dot;
    return { colour, dot, path, top };
  });
  const size = {
    width: Math.max(...rows.map((row) => row.width * row.dot)) + 2 * padding,
    height: down + padding,
  };
  const box = { x: margin, y: height - margin - size.height, ...size };
  const texts = drawn.map(({ colour, dot, path, top }) =>
    `<path fill="${colour}" transform="translate(${box.x + padding} ${
      box.y + top
    }) scale(${dot})" d="${path}"/>`
  );
  const corner = Math.round(padding * 0.6);
  const panel = shadow(box, corner, margin * 0.25) + rounded(box, corner, INK.paper, 0.95);
  return { svg: `${panel}<g shape-rendering="crispEdges">${texts.join("")}</g>`, margin, box };
}

function rounded({ x, y, width, height }: Box, corner: number, fill: string, opacity: number): string {
  return `<rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}" ` +
    `rx="${fixed(corner)}" fill="${fill}" fill-opacity="${opacity}"/>`;
}

/** Soft by layers: a blur would be computed anew for each strip of a large picture. */
function shadow(box: Box, corner: number, depth: number): string {
  return [1.6, 1.2, 0.8, 0.4, 0].map((layer) => {
    const grown = depth * layer;
    const shape = {
      x: box.x - grown,
      y: box.y - grown + depth,
      width: box.width + 2 * grown,
      height: box.height + 2 * grown,
    };
    return rounded(shape, corner + grown, "#15151f", 0.05);
  }).join("");
}

// ---- The prints of the inputs ----

/** A place for each input, in the grid that lets a square print be largest. */
function placePrints({ width, height, inputs = [] }: Painting, { margin, box }: Label): Box[] {
  const wall = { width: width - margin, height: (box?.y ?? height) - margin };
  const count = inputs.length;
  const sides = inputs.map((_, i) =>
    Math.min(wall.width / (i + 1), wall.height / Math.ceil(count / (i + 1)))
  );
  const columns = sides.indexOf(Math.max(...sides)) + 1;
  const rows = Math.ceil(count / columns);
  return inputs.map((_, i) => {
    const row = Math.floor(i / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const cell = { width: wall.width / inRow, height: wall.height / rows };
    return {
      x: margin + (i % columns) * cell.width,
      y: margin + row * cell.height,
      width: cell.width - margin,
      height: cell.height - margin,
    };
  });
}

/** Decodes an input, upright and no larger than its place, and hangs it in the middle of that. */
async function developPrint(input: Uint8Array, index: number, box: Box): Promise<Print> {
  const { default: sharp } = await import("sharp");
  const edge = edgeOf(box);
  const limit = (side: number) => Math.max(1, Math.min(MAX_PRINT_SIDE, Math.floor(side - 2 * edge)));
  try {
    // By content, and first: what is not one of these must not reach a decoder for it.
    if (!INPUT_TYPES.includes(readImageFacts(input)?.type ?? "")) throw new Error("unknown format");
    const { data, info } = await sharp(input, { limitInputPixels: MAX_INPUT_PIXELS, failOn: "error" })
      .autoOrient()
      .resize(limit(box.width), limit(box.height), { fit: "inside" })
      .toColourspace("srgb")
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    const x = Math.round(box.x + (box.width - width) / 2);
    const y = Math.round(box.y + (box.height - height) / 2);
    return { pixels: data, width, height, x, y };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    const message = `Cannot read input image ${index + 1}: it must be a sound PNG, JPEG, WebP or GIF ` +
      `of at most ${MAX_INPUT_PIXELS / 1e6} megapixels (${reason})`;
    throw new Failed({ kind: "invalid_request", message, param: "image" }, error);
  }
}

/** The white border of a print. */
function edgeOf({ width, height }: Size): number {
  return Math.max(1, Math.round(Math.min(width, height) * 0.03));
}

function drawFrame(print: Print): string {
  const edge = edgeOf(print);
  const { x, y, width, height } = print;
  const frame = { x: x - edge, y: y - edge, width: width + 2 * edge, height: height + 2 * edge };
  return shadow(frame, edge / 2, edge * 0.6) + rounded(frame, edge / 2, INK.paper, 1);
}
