/** One request on its way: its images are made by a cascade, its pictures kept, its story told. */
import type { Clock, Dice } from "../core/clock.ts";
import { CONSEQUENCES, Failed, toFailure } from "../core/failure.ts";
import type { Media, OpenUrl } from "../core/media.ts";
import type { Provider } from "../core/provider.ts";
import type { ImageRequest } from "../core/request.ts";
import type { Health } from "../routing/health.ts";
import { countFor, type Step } from "../routing/plan.ts";
import type { Arrived, Shot } from "./attempt.ts";
import type { Budget } from "./budget.ts";
import { type Caller, callerName } from "./caller.ts";
import { type AcceptedJob, type Attempt, cascade, CascadeFailed, type Gathered } from "./cascade.ts";
import type { FitInputs } from "./fit_inputs.ts";
import type { FitOutput } from "./fit_output.ts";
import { type Keys, relayKeys } from "./lease.ts";
import type { About, Pictures } from "./pictures.ts";
import { type OptimizePrompt, reword } from "./prompt_optimizer.ts";
import type { Circumstances, Ending, Picture, Result, Story } from "./story.ts";

/** Settings that hold for a request, read anew for each. */
export interface Limits {
  maxRetries: number;
  retryDelayMs: number;
  deadlineMs: number;
  queueTimeoutMs: number;
}

/** What a run depends on. */
export interface RunOptions {
  clock: Clock;
  dice: Dice;
  /** Opens what providers' replies name. */
  open: OpenUrl;
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

/** What is to be done. */
export interface Order {
  request: ImageRequest;
  steps: readonly Step[];
  caller: Caller;
  circumstances: Circumstances;
}

/** The prompt as providers get it. */
interface Prompt {
  text: string;
  /** Absent where it is the caller's own. */
  rewritten?: string;
  notes: string[];
}

/** One request on its way. */
export class Run {
  readonly #attempts: Attempt[] = [];
  readonly #startedAt: number;
  readonly #count: number;
  /** What is known of its pictures before they are made. */
  readonly #about: Pick<About, "prompt" | "task" | "requestId" | "client" | "request">;
  #spend?: ReturnType<Budget["reserve"]>;

  /** @param follow is given what goes on after the images were handed on */
  constructor(
    private readonly options: RunOptions,
    private readonly order: Order,
    private readonly follow: (work: Promise<void>) => void,
  ) {
    this.#startedAt = options.clock.now();
    const { request, steps, caller, circumstances } = order;
    this.#count = countFor(request.n, steps);
    this.#about = {
      prompt: request.prompt,
      task: request.task,
      requestId: circumstances.requestId,
      client: callerName(caller),
      request: rerunOf(request, caller),
    };
  }

  /** Makes the images and keeps them. @throws CascadeFailed or Failed, after the story was told */
  async make(): Promise<Result> {
    const { caller } = this.order;
    if (caller.mode === "backend") this.#spend = this.options.budget.reserve(caller.client, this.#count);
    try {
      const result = await this.#make();
      if (!result.arrived) this.#tellDelivered(result);
      else {
        this.follow(result.arrived.then(
          (complete) => this.#tellDelivered(complete),
          (thrown) => this.#tellBroken(result, thrown),
        ));
      }
      return result;
    } catch (thrown) {
      throw this.#tellFailed(thrown);
    }
  }

  async #make(): Promise<Result> {
    const { request, caller, steps, circumstances: { signal } } = this.order;
    const { prompt: text, notes } = await this.options.optimizePrompt(
      request,
      steps[0]!,
      caller.mode,
      signal,
    );
    const prompt = { text, notes, rewritten: text === request.prompt ? undefined : text };
    try {
      return await this.#keepAll(await this.#gather(prompt), prompt);
    } catch (thrown) {
      if (thrown instanceof CascadeFailed) {
        const made = this.#attempts.find((attempt) => attempt.outcome === "ok");
        const { provider = "", model = "" } = made ?? {};
        await Promise.all(thrown.shots.map((shot) => this.#keep(shot, { provider, model }, prompt)));
      }
      throw thrown;
    }
  }

  #gather({ text, notes }: Prompt): Promise<Gathered> {
    const { request, steps, caller, circumstances } = this.order;
    const { requestId, signal, wantsBytes, mayStream = false, onPartial, onProgress } = circumstances;
    const { clock, dice, open, timeoutOf, health, pictures, publish, onAccepted, onAttempt } = this.options;
    const { fitInputs, fitOutput } = this.options;
    const { maxRetries, retryDelayMs, deadlineMs, queueTimeoutMs } = this.options.limits();
    return cascade(steps.map((step) => reword(step, request.prompt, text)), this.#count, {
      clock,
      dice,
      open,
      signal,
      fitInputs,
      publish,
      onPartial,
      onProgress,
      onAccepted: (job) => onAccepted(job, requestId),
      onNote: (note) => notes.push(note),
      fitOutput,
      results: wantsBytes ? "needed" : pictures.stores ? "wanted" : "left",
      mayStream: this.#count === 1 && (mayStream || (!wantsBytes && pictures.stores)),
      spool: pictures.stores ? () => pictures.spool() : undefined,
      keys: caller.mode === "relay" ? this.#ownKey(caller) : this.options.keys,
      health: caller.mode === "relay" ? undefined : health,
      timeoutOf,
      maxRetries,
      retryDelayMs,
      patienceMs: queueTimeoutMs,
      deadline: this.#startedAt + deadlineMs,
      startedAt: this.#startedAt,
      onAttempt: (attempt) => {
        this.#attempts.push(attempt);
        onAttempt(attempt, requestId);
      },
    });
  }

  async #keepAll({ step, costUsd, usage, shots, arrived }: Gathered, prompt: Prompt): Promise<Result> {
    const made = { provider: step.route.provider.name, model: step.route.model.id };
    const each = { ...made, costUsd: costUsd === undefined ? undefined : costUsd / shots.length };
    const kept = await Promise.all(shots.map((shot) => this.#keep(shot, each, prompt, arrived)));
    const result: Result = {
      // What a call gave beyond the count is kept, since it was paid for, and not in the reply.
      pictures: kept.slice(0, this.#count),
      ...made,
      attempts: this.#attempts.length + (arrived ? 1 : 0),
      costUsd,
      notes: [...new Set([...step.notes, ...prompt.notes])],
      usage,
      request: step.request,
    };
    if (!arrived) return result;
    const complete = arrived.then(async (last): Promise<Result> => {
      await Promise.all(last.shots.map((shot) => this.#keep(shot, made, prompt)));
      const [picture] = result.pictures;
      const revisedPrompt = last.first?.revisedPrompt ?? picture!.revisedPrompt;
      return { ...result, ...last, pictures: [{ ...picture!, ...last.first, revisedPrompt }] };
    });
    complete.catch(() => {});
    return { ...result, arrived: complete };
  }

  async #keep(
    shot: Shot,
    made: Pick<About, "provider" | "model" | "costUsd">,
    { rewritten }: Prompt,
    arrived?: Promise<Arrived>,
  ): Promise<Picture> {
    const last = arrived?.then(({ first, costUsd }) => ({
      ...tell({ ...shot, ...first }, rewritten),
      costUsd,
    }));
    last?.catch(() => {});
    const about = { ...this.#about, ...tell(shot, rewritten), ...made };
    const name = await this.options.pictures.keep(shot, about, last);
    return { ...shot, revisedPrompt: shot.revisedPrompt ?? rewritten, name };
  }

  #ownKey({ provider, key }: Extract<Caller, { mode: "relay" }>): Keys {
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

  #tellDelivered({ provider, model, pictures, costUsd, notes }: Result): void {
    this.#tell({
      outcome: "ok",
      status: 200,
      provider,
      usedModel: model,
      images: pictures.length,
      bytes: pictures.reduce((sum, { media }) => sum + (media.size ?? 0), 0),
      costUsd,
      notes,
    });
  }

  #tellBroken({ provider, model, notes }: Result, thrown: unknown): void {
    const { kind, message } = toFailure(thrown, this.order.circumstances.signal, NEVER);
    this.#tell({ outcome: kind, status: 200, error: message, provider, usedModel: model, images: 0, notes });
  }

  #tellFailed(thrown: unknown): Failed {
    const failure = toFailure(thrown, this.order.circumstances.signal, NEVER);
    const made = thrown instanceof CascadeFailed ? thrown.shots.length : 0;
    this.#tell({
      outcome: failure.kind,
      status: CONSEQUENCES[failure.kind][this.order.caller.mode],
      error: failure.message,
      images: made,
      costUsd: thrown instanceof CascadeFailed && made > 0 ? thrown.costUsd : undefined,
      notes: [],
    });
    return thrown instanceof Failed ? thrown : new Failed(failure, thrown);
  }

  #tell(ending: Ending): void {
    const { requestId, task, client, prompt } = this.#about;
    this.#spend?.({ images: ending.images, usd: ending.costUsd ?? 0 });
    this.options.onStory({
      requestId,
      time: this.#startedAt,
      task,
      model: this.order.request.model,
      client,
      durationMs: this.options.clock.now() - this.#startedAt,
      prompt,
      attempts: this.#attempts,
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
