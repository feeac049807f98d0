/**
 * Letters without the machine's fonts: what a container has installed differs, and most have nothing for
 * Chinese. GNU Unifont is one small bitmap font for all of Unicode's plane 0, so text is drawn from it.
 */

/** One character's bitmap: 16 rows, the leftmost dot in the highest of `width` bits. Sizes in dots. */
interface Glyph {
  width: 8 | 16;
  rows: number[];
}

/** One character as a reader counts them, with its accents laid over it, as path data that begins at its top left. */
interface Cell {
  text: string;
  width: number;
  path: string;
}

/** Text set on one line: its width in dots, and its dots as SVG path data with the origin at its top left. */
export interface Line {
  width: number;
  path: string;
}

/** Dots from the top of a line's glyphs to their bottom. */
export const GLYPH_HEIGHT = 16;

const LINE_FEED = 10;
const ELLIPSIS = "…";
/** Stands for what plane 0 has no glyph for, such as most emoji. */
const UNKNOWN = "⬜";
const CLOSING = /^[\p{Pe}\p{Pf}\p{Po}ー々]/u;
const RIGHT_TO_LEFT =
  /^[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const OVERLAID = /^\p{M}/u;
const INVISIBLE = /^[\p{Default_Ignorable_Code_Point}\p{Cc}]/u;
/** A letter can carry any number of accents; the later ones of a pile are left out. */
const MAX_OVERLAID = 4;

let loading: Promise<Font> | undefined;

/** The font, unpacked once and kept (4 MB). @throws Deno.errors.NotFound if its file is missing. */
export function loadFont(): Promise<Font> {
  return loading ??= unpack().catch((error) => {
    loading = undefined;
    throw error;
  });
}

async function unpack(): Promise<Font> {
  const file = await Deno.open(`${import.meta.dirname}/unifont.hex.gz`);
  // By the stream's small pieces, so that the event loop runs in between.
  return new Font(await new Response(file.readable.pipeThrough(new DecompressionStream("gzip"))).bytes());
}

/** A bitmap font, searched in its text form (`0041:` and the rows in hexadecimal, sorted): parsing it would take longer than all the look-ups. */
export class Font {
  readonly #hex: Uint8Array;
  readonly #cells = new Map<string, Cell>();
  readonly #graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });

  /** @param hex a `.hex` file as GNU Unifont defines it, of code points with four digits only. */
  constructor(hex: Uint8Array) {
    this.#hex = hex;
  }

  /**
   * Sets text in at most `maxLines` lines of at most `width` dots, with an ellipsis where it does not fit.
   * Line breaks and runs of blanks in it count as one blank.
   */
  set(text: string, width: number, maxLines: number): Line[] {
    const lines: Cell[][] = [];
    let line: Cell[] = [];
    for (const { segment } of this.#graphemes.segment(text.normalize("NFC").replace(/\s+/gu, " ").trim())) {
      line.push(this.#cell(segment));
      if (segment === " " || widthOf(line) <= width) continue;
      if (lines.length === maxLines - 1) return [...lines, this.#shortened(line, width)].map(draw);
      const next = breakBefore(line);
      lines.push(trimEnd(line.slice(0, next)));
      line = line.slice(next);
    }
    if (line.length > 0) lines.push(trimEnd(line));
    return lines.map(draw);
  }

  #shortened(line: Cell[], width: number): Cell[] {
    const ellipsis = this.#cell(ELLIPSIS);
    let kept = line;
    while (kept.length > 0 && widthOf(kept) + ellipsis.width > width) kept = trimEnd(kept.slice(0, -1));
    return [...kept, ellipsis];
  }

  #cell(text: string): Cell {
    const known = this.#cells.get(text);
    if (known) return known;
    const cell = this.#compose(text);
    if (this.#cells.size >= 4096) this.#cells.clear();
    this.#cells.set(text, cell);
    return cell;
  }

  #compose(text: string): Cell {
    const [first = " ", ...rest] = [...text].filter((character) => !INVISIBLE.test(character));
    const base = this.#glyph(first) ?? this.#glyph(UNKNOWN)!;
    const overlaid = rest.filter((character) => OVERLAID.test(character)).slice(0, MAX_OVERLAID);
    const glyphs = [
      base,
      ...overlaid.map((mark) => this.#glyph(mark)).filter((glyph) => glyph !== undefined),
    ];
    const width = Math.max(...glyphs.map((glyph) => glyph.width));
    return { text, width, path: outline(glyphs, width) };
  }

  /** A search by halves; each half begins and ends with a whole line. */
  #glyph(character: string): Glyph | undefined {
    const wanted = character.codePointAt(0)!;
    let low = 0;
    let high = this.#hex.length;
    while (low < high) {
      const from = this.#hex.lastIndexOf(LINE_FEED, (low + high) >> 1) + 1;
      const end = this.#hex.indexOf(LINE_FEED, from);
      const found = this.#number(from, 4);
      if (found === wanted) return this.#rows(from + 5, end);
      if (found < wanted) low = end + 1;
      else high = from;
    }
  }

  #rows(from: number, end: number): Glyph {
    const digits = (end - from) / GLYPH_HEIGHT;
    const rows = Array.from({ length: GLYPH_HEIGHT }, (_, y) => this.#number(from + y * digits, digits));
    return { width: digits === 2 ? 8 : 16, rows };
  }

  #number(from: number, digits: number): number {
    return parseInt(String.fromCharCode(...this.#hex.subarray(from, from + digits)), 16);
  }
}

function widthOf(line: Cell[]): number {
  return line.reduce((sum, cell) => sum + cell.width, 0);
}

function trimEnd(line: Cell[]): Cell[] {
  return line.slice(0, line.findLastIndex((cell) => cell.text !== " ") + 1);
}

/** Where the next line begins: at the last word, or ideograph, that is not closing punctuation; else anywhere. */
function breakBefore(line: Cell[]): number {
  for (let i = line.length - 1; i > 0; i--) {
    const [before, after] = [line[i - 1]!, line[i]!];
    const canBreak = /[ \-]/.test(before.text) || before.width > 8 || after.width > 8;
    if (canBreak && after.text !== " " && !CLOSING.test(after.text)) return i;
  }
  return Math.max(1, line.length - 1);
}

/** Reverses what is read from right to left, so that it can be drawn from left to right. */
function inDrawingOrder(line: Cell[]): Cell[] {
  const drawn: Cell[] = [];
  for (let i = 0; i < line.length;) {
    let end = i + 1;
    if (RIGHT_TO_LEFT.test(line[i]!.text)) {
      for (
        let j = end;
        j < line.length && (line[j]!.text === " " || RIGHT_TO_LEFT.test(line[j]!.text));
        j++
      ) {
        if (line[j]!.text !== " ") end = j + 1;
      }
    }
    drawn.push(...line.slice(i, end).reverse());
    i = end;
  }
  return drawn;
}

function draw(line: Cell[]): Line {
  let path = "";
  let width = 0;
  for (const cell of inDrawingOrder(line)) {
    path += `M${width} 0${cell.path}`;
    width += cell.width;
  }
  return { width, path };
}

/** A rectangle for each run of dots in a row; each is placed from where the one before began. */
function outline(glyphs: Glyph[], cellWidth: number): string {
  let path = "";
  let [fromX, fromY] = [0, 0];
  for (const { width, rows } of glyphs) {
    const left = (cellWidth - width) / 2;
    rows.forEach((row, y) => {
      for (let x = 0; x < width; x++) {
        const start = x;
        while (x < width && row >> (width - 1 - x) & 1) x++;
        if (x === start) continue;
        path += `m${left + start - fromX} ${y - fromY}h${x - start}v1h${start - x}z`;
        [fromX, fromY] = [left + start, y];
      }
    });
  }
  return path;
}
