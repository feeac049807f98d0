/** Lists and maps that are kept as JSON in a text column, checked when they come back. */
import { z } from "zod";

const TEXTS = z.array(z.string());

/** Reads a list of texts. @throws ZodError or SyntaxError if the column holds something else. */
export function readTexts(json: string): string[] {
  return json === "[]" ? [] : TEXTS.parse(JSON.parse(json));
}
