/** The little that every part of the painter needs to write SVG. */

/** In pixels. */
export interface Size {
  width: number;
  height: number;
}

/** A rectangle, by its upper left corner. */
export interface Box extends Size {
  x: number;
  y: number;
}

/** A number as SVG needs it. */
export function fixed(value: number): string {
  return value.toFixed(2);
}

/** A rectangle with round corners. */
export function rounded({ x, y, width, height }: Box, corner: number, fill: string, opacity: number): string {
  return `<rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}" ` +
    `rx="${fixed(corner)}" fill="${fill}" fill-opacity="${opacity}"/>`;
}

/** Soft by layers: a blur would be computed anew for each strip of a large picture. */
export function shadow(box: Box, corner: number, depth: number): string {
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

/** The colour of paper, of labels and of prints alike. */
export const PAPER = "#fdfbf7";
