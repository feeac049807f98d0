/** The story of one request, from what is wanted to pictures that are kept: every endpoint calls this. */
import type { Clock, Dice } from "../core/clock.ts";
import { CONSEQUENCES, Failed, type FailureKind, toFailure } from "../core/failure.ts";
import type { Media, OpenUrl } from "../core/media.ts";
import type { Provider, Usage } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import type { Health } from "../routing/health.ts";
import { countFor, plan, type PlanOptions, planRelay, type Step } from "../routing/plan.ts";
import type { Arrived, Shot } from "./attempt.ts";
import type { Budget } from "./budget.ts";
import { type Caller, callerName } from "./caller.ts";
import type { FitInputs } from "./fit_inputs.ts";
import type { FitOutput } from "./fit_output.ts";
import { type AcceptedJob, type Attempt, cascade, CascadeFailed } from "./cascade.ts";
import { type Keys, relayKeys } from "./lease.ts";
import type { Pictures } from "./pictures.ts";
import { type OptimizePrompt, reword } from "./prompt_optimizer.ts";

/** A picture that came out. */
export interface Picture extends Shot {
  /** Its name under `/storage/`, where pictures are stored. */
  name?: string;
}

/** What a request gave. */
export interface Result {
  pictures: Picture[];
  provider: string;
  model: string;
  attempts: number;
  costUsd?: number;
  /** What was changed on the way, one sentence each. */
  notes: string[];
  usage?: Usage;
  /** The request as the model that made the first picture got it. */
  request: ImageRequest;
  /**
   * Pending while the one picture is still arriving: it is read by whoever replies. Gives the result with all that
   * is known then, and rejects where the picture broke off.
   */
  arrived?: Promise<Result>;
}

/** One request's own circumstances. */
export interface Circumstances {
  requestId: string;
  /** Aborts when the client leaves. */
  signal: AbortSignal;
  /** Whether the reply carries the bytes themselves. */
  wantsBytes: boolean;
  /** Whether the reply can begin before the picture has arrived. Default false. */
  mayStream?: boolean;
  onPartial?: (media: Media, index: number) => void;
  /** Hears how far the work is, from 0 to 1. */
  onProgress?: (share: number) => void;
}

/** The story of a request as it is remembered. */
export interface Story {
  requestId: string;
  time: number;
  task: string;
  model: string;
  client: string;
  provider?: string;
  usedModel?: string;
  outcome: "ok" | FailureKind;
  /** HTTP status that was told. */
  status: number;
  error?: string;
  images: number;
  /** Of the images that were delivered, as far as known. */
  bytes?: number;
  durationMs: number;
  costUsd?: number;
  prompt: string;
  notes: string[];
  attempts: readonly Attempt[];
}

/** How a story ended. */
type Ending = Pick<Story, "outcome" | "status" | "images" | "notes"> & Partial<Story>;

/** Settings that hold for a request, read anew for each. */
export interface Limits {
  maxRetries: number;
  retryDelayMs: number;
  deadlineMs: number;
  queueTimeoutMs: number;
}

/** What the gateway is made of. */
export interface GatewayOptions {
  clock: Clock;
  dice: Dice;
  /** Opens what providers' replies name. */
  open: OpenUrl;
  planning: () => Omit<PlanOptions, "dice" | "latencyOf" | "allowed">;
  limits: () => Limits;
  timeoutOf: (step: Step) => number;
  baseUrl: (provider: Provider) => string | undefined;
  maxConcurrent: (provider: Provider) => number;
  /** Keys of the pools. */
  keys: Keys;
  health: Health;
  pictures: Pictures;
  budget: Budget;
  fitInputs: FitInputs;
  fitOutput: FitOutput;
  optimizePrompt: OptimizePrompt;
  /** Gives an input an address that a provider can fetch, where there is a way to. */
  publish?: (media: Media, signal: AbortSignal) => Promise<string | undefined>;
  /** Hears of each job that a provider took on, until the story of its request is told. */
  onAccepted: (job: AcceptedJob, requestId: string) => void;
  onAttempt: (attempt: Attempt, requestId: string) => void;
  onStory: (story: Story) => void;
}

/** The engine: makes images for whoever asks. */
export class Gateway {
  readonly #running = new Set<Promise<void>>();
  #endedAt = -Infinity;

  constructor(private readonly options: GatewayOptions) {}

  /** What clients have used. */
  get budget(): Budget {
    return this.options.budget;
  }

  /** How many requests run now. */
  get inFlight(): number {
    return this.#running.size;
  }

  /** For how many ms no request has run. */
  get idleFor(): number {
    return this.inFlight > 0 ? 0 : this.options.clock.now() - this.#endedAt;
  }

  /**
   * Plans a request without asking anybody, so that what is wrong with it can be told before a stream begins.
   * @param trial other dice, and who hears of what was left out, for those who only want to know
   * @throws Failed
   */
  plan(
    request: ImageRequest,
    caller: Caller,
    trial: Partial<Pick<PlanOptions, "dice" | "onLeftOut">> = {},
  ): Step[] {
    const { health, dice, planning } = this.options;
    const options: PlanOptions = {
      ...planning(),
      dice,
      ...trial,
      latencyOf: (route) => health.state(route).latencyMs,
      allowed: caller.mode === "backend" ? caller.client : undefined,
    };
    return caller.mode === "relay" ? planRelay(request, caller.provider, options) : plan(request, options);
  }

  /**
   * Makes the images of `steps` and keeps them.
   * @throws CascadeFailed or Failed, after the story was remembered
   */
  run(
    request: ImageRequest,
    steps: readonly Step[],
    caller: Caller,
    circumstances: Circumstances,
  ): Promise<Result> {
    const running = this.#run(request, steps, caller, circumstances);
    this.#follow(running);
    return running;
  }

  /** Resolves when all requests that run now have ended, and their stories are told. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  #follow(running: Promise<unknown>): void {
    const end = () => {
      this.#endedAt = this.options.clock.now();
      this.#running.delete(ended);
    };
    const ended = running.then(end, end);
    this.#running.add(ended);
  }

  async #run(
    request: ImageRequest,
    steps: readonly Step[],
    caller: Caller,
    circumstances: Circumstances,
  ): Promise<Result> {
    const startedAt = this.options.clock.now();
    const attempts: Attempt[] = [];
    const count = countFor(request.n, steps);
    const spend = caller.mode === "backend" ? this.options.budget.reserve(caller.client, count) : undefined;
    const remember = (rest: Ending) => {
      spend?.({ images: rest.images, usd: rest.costUsd ?? 0 });
      this.#remember(request, caller, circumstances, startedAt, attempts, rest);
    };
    try {
      const result = await this.#make(request, steps, count, caller, circumstances, startedAt, attempts);
      const delivered = (result: Result) =>
        remember({
          outcome: "ok",
          status: 200,
          provider: result.provider,
          usedModel: result.model,
          images: result.pictures.length,
          bytes: result.pictures.reduce((sum, { media }) => sum + (media.size ?? 0), 0),
          costUsd: result.costUsd,
          notes: result.notes,
        });
      if (!result.arrived) delivered(result);
      else {
        this.#follow(result.arrived.then(delivered, (thrown) => {
          const { kind, message } = toFailure(thrown, circumstances.signal, NEVER);
          const { provider, model: usedModel, notes } = result;
          remember({ outcome: kind, status: 200, error: message, provider, usedModel, images: 0, notes });
        }));
      }
      return result;
    } catch (thrown) {
      const failure = toFailure(thrown, circumstances.signal, NEVER);
      remember({
        outcome: failure.kind,
        status: CONSEQUENCES[failure.kind][caller.mode],
        error: failure.message,
        images: thrown instanceof CascadeFailed ? thrown.shots.length : 0,
        costUsd: thrown instanceof CascadeFailed && thrown.shots.length > 0 ? thrown.costUsd : undefined,
        notes: [],
      });
      throw thrown instanceof Failed ? thrown : new Failed(failure, thrown);
    }
  }

  async #make(
    request: ImageRequest,
    steps: readonly Step[],
    count: number,
    caller: Caller,
    { requestId, signal, wantsBytes, mayStream = false, onPartial, onProgress }: Circumstances,
    startedAt: number,
    attempts: Attempt[],
  ): Promise<Result> {
    const { clock, dice, open, timeoutOf, health, pictures, publish, onAccepted, onAttempt } = this.options;
    const { fitInputs, fitOutput } = this.options;
    const { prompt, notes } = await this.options.optimizePrompt(
      request,
      steps[0]!,
      caller.mode,
      signal,
    );
    const rewritten = prompt === request.prompt ? undefined : prompt;
    const reworded = steps.map((step) => reword(step, request.prompt, prompt));
    const { maxRetries, retryDelayMs, deadlineMs, queueTimeoutMs } = this.options.limits();
    const about = {
      prompt: request.prompt,
      task: request.task,
      requestId,
      client: callerName(caller),
      request: rerunOf(request, caller),
    };
    try {
      const gathered = await cascade(reworded, count, {
        clock,
        dice,
        open,
        signal,
        fitInputs,
        publish,
        onPartial,
        onProgress,
        onAccepted: (job) => onAccepted(job, requestId),
        onNote: (text) => notes.push(text),
        fitOutput,
        results: wantsBytes ? "needed" : pictures.stores ? "wanted" : "left",
        mayStream: count === 1 && (mayStream || (!wantsBytes && pictures.stores)),
        spool: pictures.stores ? () => pictures.spool() : undefined,
        keys: caller.mode === "relay" ? this.#ownKey(caller) : this.options.keys,
        health: caller.mode === "relay" ? undefined : health,
        timeoutOf,
        maxRetries,
        retryDelayMs,
        patienceMs: queueTimeoutMs,
        deadline: startedAt + deadlineMs,
        startedAt,
        onAttempt: (attempt) => {
          attempts.push(attempt);
          onAttempt(attempt, requestId);
        },
      });
      const { step, costUsd, usage, shots, arrived } = gathered;
      const provider = step.route.provider.name;
      const model = step.route.model.id;
      const keep = async (shot: Shot, costUsd?: number, arrived?: Promise<Arrived>) => {
        const last = arrived?.then(({ first, costUsd }) => ({
          ...tell({ ...shot, ...first }, rewritten),
          costUsd,
        }));
        last?.catch(() => {});
        const name = await pictures.keep(
          shot,
          { ...about, ...tell(shot, rewritten), provider, model, costUsd },
          last,
        );
        return { ...shot, revisedPrompt: shot.revisedPrompt ?? rewritten, name };
      };
      const costEach = costUsd === undefined ? undefined : costUsd / shots.length;
      const kept = await Promise.all(shots.map((shot) => keep(shot, costEach, arrived)));
      const result: Result = {
        // What a call gave beyond the count is kept, since it was paid for, and not in the reply.
        pictures: kept.slice(0, count),
        provider,
        model,
        attempts: attempts.length + (arrived ? 1 : 0),
        costUsd,
        notes: [...new Set([...step.notes, ...notes])],
        usage,
        request: step.request,
      };
      if (!arrived) return result;
      const complete = arrived.then(async (last): Promise<Result> => {
        await Promise.all(last.shots.map((shot) => keep(shot)));
        const [picture] = result.pictures;
        const revisedPrompt = last.first?.revisedPrompt ?? picture!.revisedPrompt;
        return { ...result, ...last, pictures: [{ ...picture!, ...last.first, revisedPrompt }] };
      });
      complete.catch(() => {});
      return { ...result, arrived: complete };
    } catch (thrown) {
      if (thrown instanceof CascadeFailed) {
        const made = attempts.find((attempt) => attempt.outcome === "ok");
        const { provider = "", model = "" } = made ?? {};
        await Promise.all(
          thrown.shots.map((shot) =>
            pictures.keep(shot, { ...about, ...tell(shot, rewritten), provider, model })
          ),
        );
      }
      throw thrown;
    }
  }

  #ownKey(caller: Extract<Caller, { mode: "relay" }>): Keys {
    const { provider, key } = caller;
    const baseUrl = this.options.baseUrl(provider);
    if (baseUrl === undefined) {
      throw new Failed({
        kind: "invalid_request",
        param: "provider",
        message:
          `${provider.name} has no fixed address: its base URL has to be configured before keys can be passed on to it`,
      });
    }
    return relayKeys({
      key,
      baseUrl: baseUrl.replace(/\/+$/, ""),
      maxConcurrent: this.options.maxConcurrent(provider),
    });
  }

  #remember(
    request: ImageRequest,
    caller: Caller,
    { requestId }: Circumstances,
    startedAt: number,
    attempts: readonly Attempt[],
    ending: Ending,
  ): void {
    this.options.onStory({
      requestId,
      time: startedAt,
      task: request.task,
      model: request.model,
      client: callerName(caller),
      durationMs: this.options.clock.now() - startedAt,
      prompt: request.prompt,
      attempts,
      ...ending,
    });
  }
}

const NEVER = new AbortController().signal;

/** What the panel fills its playground with to run a request again; of the inputs only their number is known. */
function rerunOf(request: ImageRequest, caller: Caller): Record<string, unknown> {
  const { inputs, mask, partialImages: _, providerParams, qualityEnhancers, ...rest } = request;
  return {
    ...rest,
    provider: caller.mode === "relay" ? caller.provider.name : rest.provider,
    inputs: inputs.length,
    ...mask && { mask: true },
    ...qualityEnhancers.length > 0 && { qualityEnhancers },
    ...Object.keys(providerParams).length > 0 && { providerParams },
  };
}

/** What is known of a shot. @param rewritten the prompt by the optimizer; a provider's own rewriting came after it */
function tell({ seed, revisedPrompt }: Shot, rewritten: string | undefined) {
  return { seed, revisedPrompt: revisedPrompt ?? rewritten };
}
