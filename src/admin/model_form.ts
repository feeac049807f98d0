/** What can be set for a model, as a form needs to know it: names, kinds, choices and bounds. */
import { ENHANCER_NAMES, spellingOf, STYLE_NAMES } from "../core/fit.ts";
import type { Model } from "../core/provider.ts";
import type { Wishes } from "../core/request.ts";

/** One field of a model's form, by its name in the API. */
export interface Parameter {
  name: string;
  kind: "choice" | "choices" | "integer" | "number" | "text" | "map";
  options?: readonly string[];
  least?: number;
  most?: number;
}

const FIELDS: Record<keyof Wishes, Omit<Parameter, "name">> = {
  quality: { kind: "text" },
  style: { kind: "choice", options: ["vivid", "natural"] },
  background: { kind: "choice", options: ["auto", "transparent", "opaque"] },
  moderation: { kind: "choice", options: ["auto", "low"] },
  inputFidelity: { kind: "choice", options: ["low", "high"] },
  seed: { kind: "integer" },
  steps: { kind: "integer", least: 1, most: 500 },
  guidance: { kind: "number", least: 0, most: 100 },
  negativePrompt: { kind: "text" },
  loraWeights: { kind: "map" },
  outputFormat: { kind: "choice", options: ["png", "jpeg", "webp"] },
  outputCompression: { kind: "integer", least: 0, most: 100 },
  user: { kind: "text" },
};

/** The fields that make a difference for `model`, besides prompt, size and images. */
export function parametersOf(model: Model): Parameter[] {
  const { wishes = [], qualities, maxPartials = 0 } = model;
  const fields: Parameter[] = [{ name: "n", kind: "integer", least: 1, most: 10 }];
  for (const wish of Object.keys(FIELDS) as (keyof Wishes)[]) {
    if (wish === "user" || !wishes.includes(wish) && wish !== "style") continue;
    const field = { name: spellingOf(wish), ...FIELDS[wish] };
    if (wish === "quality" && qualities) {
      fields.push({ ...field, kind: "choice", options: ["auto", ...qualities] });
    } // Our own styles are put into words, so that every model knows them.
    else if (wish === "style") {
      fields.push({ ...field, options: [...wishes.includes(wish) ? field.options! : [], ...STYLE_NAMES] });
    } else fields.push(field);
  }
  fields.push({ name: "quality_enhancers", kind: "choices", options: ENHANCER_NAMES });
  if (maxPartials > 0) fields.push({ name: "partial_images", kind: "integer", least: 0, most: maxPartials });
  return fields;
}
