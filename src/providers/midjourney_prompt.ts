/** Midjourney has one field for everything: what to paint, and how, by parameters at the end of the prompt. */
import type { ImageRequest } from "../core/request.ts";
import { nearestRatio } from "../core/size.ts";

/** Midjourney takes any shape; these are the usual ones. */
export const RATIOS = [
  "1:1",
  "5:4",
  "4:3",
  "3:2",
  "16:9",
  "2:1",
  "21:9",
  "4:5",
  "3:4",
  "2:3",
  "9:16",
  "1:2",
  "9:21",
];

/** The prompt with its parameters; those that it has already stay as they are (https://docs.midjourney.com). */
export function wordsOf({ prompt, model, ratio, seed, negativePrompt, style }: ImageRequest): string {
  const [, version, number = ""] = /^midjourney-(v|niji)-?([\d.]+)?$/.exec(model) ?? [];
  const parameters: [names: string[], value: string | number | undefined][] = [
    [["ar", "aspect"], ratio && nearestRatio(ratio, RATIOS)],
    [["seed"], seed],
    [["no"], negativePrompt],
    [["raw", "style"], style === "natural" ? "" : undefined],
    [[version ?? "v", "v", "version", "niji"], version && number],
  ];
  return parameters.reduce((words, [names, value]) => {
    const isSaid = new RegExp(`(^|\\s)(--|—)(${names.join("|")})(\\s|$)`, "i").test(prompt);
    return value === undefined || isSaid ? words : `${words} --${names[0]} ${value}`.trim();
  }, prompt);
}
