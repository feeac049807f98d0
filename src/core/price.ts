/** What images cost: before a call as an estimate for choosing, after it from what came back. */
import type { Model, Usage } from "./provider.ts";
import type { ImageRequest, Size } from "./request.ts";

const DEFAULT_SIZE: Size = { width: 1024, height: 1024 };

/**
 * The price of `count` images in US-dollars, or `undefined` where it is unknown.
 * Tokens decide if the reply counted them; else the row of its quality and size; else its pixels.
 * Without a quality the model's middle one is taken, without a size 1024x1024.
 */
export function priceOf(
  model: Model,
  { count, request, usage, sizes = [] }: {
    count: number;
    request: ImageRequest;
    usage?: Usage;
    sizes?: Size[];
  },
): number | undefined {
  const { images, megapixel, tokens } = model.prices ?? {};
  if (tokens && usage) {
    return (usage.inputTextTokens * tokens.textIn + usage.inputImageTokens * tokens.imageIn +
      usage.outputTokens * tokens.imageOut) / 1e6;
  }
  const wanted = request.size ?? DEFAULT_SIZE;
  const each = Array.from({ length: count }, (_, index) => sizes[index] ?? wanted);
  if (images) return sum(each.map((size) => rowFor(model, images, size, request.quality)?.usd));
  if (megapixel !== undefined) return sum(each.map(({ width, height }) => megapixel * width * height / 1e6));
  return undefined;
}

type Row = NonNullable<NonNullable<Model["prices"]>["images"]>[number];

function rowFor(model: Model, rows: readonly Row[], size: Size, quality?: string): Row | undefined {
  const known = model.qualities ?? [];
  const chosen = quality && quality !== "auto" ? quality : known[Math.floor((known.length - 1) / 2)];
  return rows.find((row) =>
    (row.quality === undefined || row.quality === chosen) &&
    (row.maxPixels === undefined || size.width * size.height <= row.maxPixels) &&
    (row.square === undefined || row.square === (size.width === size.height))
  );
}

function sum(parts: (number | undefined)[]): number | undefined {
  let total = 0;
  for (const part of parts) {
    if (part === undefined) return undefined;
    total += part;
  }
  return total;
}
