/** One call to one provider with one key, told as a value: images or a failure. */
import type { Clock, Dice } from "../core/clock.ts";
import { Failed, type Failure, toFailure } from "../core/failure.ts";
import type { ImageFacts, OpenUrl } from "../core/media.ts";
import { Media } from "../core/media.ts";
import { priceOf } from "../core/price.ts";
import type { Made, MadeImage, Model, Rest, Ticket } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import { openCall } from "../providers/call.ts";
import type { Step } from "../routing/plan.ts";
import type { FitInputs } from "./fit_inputs.ts";
import type { FitOutput } from "./fit_output.ts";
import type { Lease } from "./lease.ts";
import { Leash } from "./leash.ts";
import type { Spool } from "./spool.ts";

/** An image that was looked at: it is one, and this is what it is. */
export interface Shot extends MadeImage {
  /** Absent where it stays at its provider's address, unread. */
  facts?: ImageFacts;
  /** Where it is being written to, or was, ahead of its name. */
  spool?: Spool;
  /** The image as its provider named it, where that is an address which is of use without being read. */
  unread?: MadeImage;
}

/** What is known once an image that was handed on early has arrived. */
export interface Arrived {
  /** Images of the same reply beyond the first. */
  shots: Shot[];
  /** What the reply told of the first image after it. */
  first?: Rest["first"];
  usage?: Made["usage"];
  costUsd?: number;
}

/** What a call came to. */
export type Outcome =
  | {
    ok: true;
    shots: Shot[];
    usage?: Made["usage"];
    costUsd?: number;
    /** Pending while the one image is still arriving. Rejects with `Failed` if it breaks off. */
    arrived?: Promise<Arrived>;
  }
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
  /** Whether the reply can begin before the one image that is wanted has arrived. */
  mayStream: boolean;
  /** Opens a place in the store for an image that arrives; absent where nothing is stored. */
  spool?: () => Spool;
  /** Makes inputs such as the model takes; tells what it changed. @throws Failed where that is not possible */
  fitInputs: FitInputs;
  /** Converts an image that is not in the form that the caller asked for. */
  fitOutput: FitOutput;
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
  using held = new DisposableStack();
  const leash = held.use(new Leash(options.clock, options.timeoutMs, options.signal));
  const { signal } = leash;
  try {
    const asked = await ask(step, lease, count, options, signal);
    const shots = await look(asked.made.images, asked.request, options, signal);
    if (signal.aborted) {
      for (const { media } of shots) media.stream?.cancel(signal.reason);
      throw signal.reason;
    }
    attach(shots, leash, options);
    const kept = held.move();
    const arrived = complete(asked, shots, leash, options).finally(() => kept.dispose());
    arrived.catch(() => {});
    // The reply reads its one image by itself, unless it leads to the store; those that came besides are for that.
    const isRead = options.results === "wanted" ? undefined : shots[0]?.media.stream;
    for (const { media: { stream } } of shots) {
      if (stream && stream !== isRead) stream.run().catch(() => {});
    }
    if (isRead) return { ok: true, shots, costUsd: costOf(asked, shots, asked.made), arrived };
    const { whole: [first, ...others], shots: more, first: told, usage, costUsd } = await arrived;
    return { ok: true, shots: [{ ...first!, ...told }, ...others, ...more], usage, costUsd };
  } catch (thrown) {
    return { ok: false, failure: toFailure(thrown, options.signal, leash.limit) };
  }
}

/** What was asked for, and what came of it. */
interface Asked {
  model: Model;
  request: ImageRequest;
  made: Made;
}

/** Asks the provider. @throws what its operation does, and the signal's reason */
async function ask(
  step: Step,
  lease: Lease,
  count: number,
  options: AttemptOptions,
  signal: AbortSignal,
): Promise<Asked> {
  const { provider, model } = step.route;
  const call = openCall({
    ...options,
    provider,
    baseUrl: lease.baseUrl,
    hosts: model.hosts,
    key: lease.secret,
    mayStream: options.mayStream && count === 1,
    signal,
  });
  const fitted = await options.fitInputs(
    step.request,
    model.inputs ?? {},
    signal,
    (text) => options.onNote?.(text),
  );
  const request = { ...fitted, n: count };
  const made = await step.operation(request, call);
  signal.throwIfAborted();
  return { model, request, made };
}

/** Leads images that are arriving to the store, and has the leash listen to them. */
function attach(shots: readonly Shot[], leash: Leash, options: AttemptOptions): void {
  for (const { media: { stream }, spool } of shots) {
    if (!stream) continue;
    stream.waiting = () => leash.waiting();
    leash.signal.addEventListener("abort", () => stream.cancel(leash.signal.reason), { once: true });
    if (!spool) continue;
    stream.keep(spool);
    // A client who leaves before the reply has begun leaves nobody else to read it.
    options.signal.addEventListener("abort", () => void stream.run().catch(() => {}), { once: true });
    // From here on it is paid for: the caller's leaving ends it only where nobody else wants it.
    leash.forgetClient();
  }
}

/** All that is known once the images have arrived. @throws Failed where they don't */
async function complete(
  asked: Asked,
  shots: Shot[],
  leash: Leash,
  options: AttemptOptions,
): Promise<Arrived & { whole: Shot[] }> {
  const { made, request } = asked;
  try {
    const whole = await arrivedOf(shots, options, leash.signal);
    const rest = await made.rest?.catch(() => undefined);
    // What came besides must not cost what was asked for.
    const more = await look(rest?.images ?? [], request, { ...options, mayStream: false }, leash.signal, 0)
      .catch(() => []);
    const usage = rest?.usage ?? made.usage;
    const costUsd = costOf(asked, [...whole, ...more], { usage, costUsd: rest?.costUsd ?? made.costUsd });
    return { whole, shots: more, first: rest?.first, usage, costUsd };
  } catch (thrown) {
    throw new Failed(toFailure(thrown, options.signal, leash.limit), thrown);
  }
}

/** What the provider says that it costs, or its list of prices. In US-dollars */
function costOf(
  { model, request }: Asked,
  images: readonly Shot[],
  { usage, costUsd }: Pick<Made, "usage" | "costUsd">,
): number | undefined {
  const sizes = images.flatMap((shot) => shot.facts ?? []);
  return costUsd ?? priceOf(model, { count: images.length, request, usage, sizes });
}

/**
 * The images, once they have arrived. One that broke off stays unread at its address, where that is of use.
 * @throws why it broke off, where nothing is left or it was being passed on
 */
async function arrivedOf(
  shots: Shot[],
  { results }: AttemptOptions,
  signal: AbortSignal,
): Promise<Shot[]> {
  const endings = await Promise.allSettled(shots.map(({ media }) => media.stream?.arrived));
  const broken = endings.find((ending) => ending.status === "rejected");
  if (!broken) return shots;
  const left = shots.flatMap((shot, index) => {
    if (endings[index]!.status === "fulfilled") return shot;
    return results === "wanted" && !signal.aborted ? shot.unread ?? [] : [];
  });
  const isLost = results === "wanted" ? left.length === 0 : endings[0]!.status === "rejected";
  if (isLost) throw broken.reason;
  return left;
}

/**
 * Looks at each image, so that an empty or broken one counts as none.
 * @throws Failed if fewer than `least` are left
 */
async function look(
  images: MadeImage[],
  request: ImageRequest,
  options: AttemptOptions,
  signal: AbortSignal,
  least = 1,
): Promise<Shot[]> {
  if (images.length < least) {
    throw new Failed({ kind: "empty_reply", message: "a reply without any image" });
  }
  const seen = await Promise.all(images.map((image) => see(image, request, options, signal)));
  const shots = seen.filter((shot) => shot !== undefined);
  if (shots.length < least) {
    throw new Failed({ kind: "malformed_reply", message: "what came is not an image" });
  }
  return shots;
}

async function see(
  image: MadeImage,
  request: ImageRequest,
  options: AttemptOptions,
  signal: AbortSignal,
): Promise<Shot | undefined> {
  const { results } = options;
  const { media } = image;
  if (media.url && results === "left") return image;
  try {
    if (media.url && options.mayStream) return await receive(image, request, options, signal);
    const facts = await media.facts(signal);
    if (!facts) return undefined;
    if (media.stream) return await receive(image, request, options, signal);
    return { ...image, ...await options.fitOutput({ media, facts }, request) };
  } catch (error) {
    signal.throwIfAborted();
    // It was made and paid for: where its address is still of use to the caller, it is passed on unread.
    if (media.url && results === "wanted") return image;
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** An image that arrives in pieces: handed on as it is, unless it has to be converted first. */
async function receive(
  image: MadeImage,
  request: ImageRequest,
  { fitOutput, spool }: AttemptOptions,
  signal: AbortSignal,
): Promise<Shot> {
  const stream = image.media.stream ?? await image.media.open(signal);
  const media = Media.fromStream(stream);
  const { facts } = stream;
  if (fitOutput.isNeeded(facts, request)) return { ...image, ...await fitOutput({ media, facts }, request) };
  return { ...image, media, facts, spool: spool?.(), unread: image.media.url ? image : undefined };
}
