/** The label of a picture: its title, prompt, size and seed, in dots that every renderer draws alike. */
import { type Font, GLYPH_HEIGHT, type Line } from "./font.ts";
import { type Box, PAPER, rounded, shadow, type Size } from "./svg.ts";

/** What the label tells. */
interface Told extends Size {
  prompt: string;
  seed: number;
  title?: string;
}

/** More would not fit on any label. */
const MAX_SHOWN_PROMPT = 4000;

/** The panel at the bottom: title, prompt, size and seed. Without a box where there is no room for one. */
export interface Label {
  svg: string;
  margin: number;
  box?: Box;
}

const INK = { text: "#26262e", quiet: "#7b7780", title: "#a4533c" };
const MAX_COLUMNS = 72;
const MAX_LINES = 8;
/** Of a line, in heights of a glyph. */
const LEADING = 1.25;

/** A line of the label; `dot` is the side of one of its dots in pixels. */
interface Row extends Line {
  colour: string;
  dot: number;
}

/** Lays out what fits, smaller things first to go. */
export function layOutLabel(painting: Told, font: Font): Label {
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
  const panel = shadow(box, corner, margin * 0.25) + rounded(box, corner, PAPER, 0.95);
  return { svg: `${panel}<g shape-rendering="crispEdges">${texts.join("")}</g>`, margin, box };
}
