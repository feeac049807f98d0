/** One call to one provider with one key, told as a value: images or a failure. */
import type { Clock, Dice } from "../core/clock.ts";
import { Failed, type Failure, toFailure } from "../core/failure.ts";
import type { ImageFacts, Media, OpenUrl } from "../core/media.ts";
import { priceOf } from "../core/price.ts";
import type { Made, MadeImage, Ticket } from "../core/provider.ts";
import { openCall } from "../providers/call.ts";
import type { Step } from "../routing/plan.ts";
import type { FitInputs } from "./fit_inputs.ts";
import type { Lease } from "./lease.ts";

/** An image that was looked at: it is one, and this is what it is. */
export interface Shot extends MadeImage {
  /** Absent where it stays at its provider's address, unread. */
  facts?: ImageFacts;
}

/** What a call came to. */
export type Outcome =
  | { ok: true; shots: Shot[]; usage?: Made["usage"]; costUsd?: number }
  | { ok: false; failure: Failure };

/** What an attempt depends on. */
export interface AttemptOptions {
  clock: Clock;
  dice: Dice;
  /** Aborts when the client leaves. */
  signal: AbortSignal;
  timeoutMs: number;
  open: OpenUrl;
  /**
   * What becomes of results that stay at their provider's address: `needed` as bytes for the reply, `wanted`
   * for the store if they can be had, or `left` where they are.
   */
  results: "needed" | "wanted" | "left";
  /** Makes inputs such as the model takes; tells what it changed. @throws Failed where that is not possible */
  fitInputs: FitInputs;
  publish?: (media: Media, signal: AbortSignal) => Promise<string | undefined>;
  onPartial?: (media: Media, index: number) => void;
  onProgress?: (share: number) => void;
  onAccepted?: (ticket: Ticket) => void;
  onNote?: (text: string) => void;
  onStatus?: (status: number) => void;
}

/** Makes `count` images by `step` with the key of `lease`. Never throws. */
export async function attempt(
  step: Step,
  lease: Lease,
  count: number,
  options: AttemptOptions,
): Promise<Outcome> {
  using limit = options.clock.timeout(options.timeoutMs);
  const signal = AbortSignal.any([options.signal, limit.signal]);
  try {
    const call = openCall({
      ...options,
      provider: step.route.provider,
      baseUrl: lease.baseUrl,
      hosts: step.route.model.hosts,
      key: lease.secret,
      signal,
    });
    const { model } = step.route;
    const fitted = await options.fitInputs(
      step.request,
      model.inputs ?? {},
      signal,
      (text) => options.onNote?.(text),
    );
    const request = { ...fitted, n: count };
    const made = await step.operation(request, call);
    signal.throwIfAborted();
    const shots = await look(made.images, options.results, signal);
    const sizes = shots.flatMap((shot) => shot.facts ?? []);
    const price = priceOf(model, { count: shots.length, request, usage: made.usage, sizes });
    return { ok: true, shots, usage: made.usage, costUsd: made.costUsd ?? price };
  } catch (thrown) {
    return { ok: false, failure: toFailure(thrown, options.signal, limit.signal) };
  }
}

/** Looks at each image, so that an empty or broken one counts as none. @throws Failed if none is left */
async function look(
  images: MadeImage[],
  results: AttemptOptions["results"],
  signal: AbortSignal,
): Promise<Shot[]> {
  if (images.length === 0) throw new Failed({ kind: "empty_reply", message: "a reply without any image" });
  const seen = await Promise.all(images.map((image) => see(image, results, signal)));
  const shots = seen.filter((shot) => shot !== undefined);
  if (shots.length === 0) throw new Failed({ kind: "malformed_reply", message: "what came is not an image" });
  return shots;
}

async function see(
  image: MadeImage,
  results: AttemptOptions["results"],
  signal: AbortSignal,
): Promise<Shot | undefined> {
  const { media } = image;
  if (media.url && results === "left") return image;
  try {
    const facts = await media.facts(signal);
    return facts && { ...image, facts };
  } catch (error) {
    signal.throwIfAborted();
    // It was made and paid for: where its address is still of use to the caller, it is passed on unread.
    if (media.url && results === "wanted") return image;
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
