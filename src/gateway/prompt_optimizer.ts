/**
 * The prompt optimizer: a text model translates a prompt into English, or puts detail into it, before any
 * provider sees it. It runs once a request, and whatever goes wrong with it costs nothing but its time limit.
 */
import type { Clock } from "../core/clock.ts";
import type { ImageRequest, Rewriting } from "../core/request.ts";
import { askTextModel, listTextModels, type TextService, textServiceUrl } from "../platform/text_model.ts";
import type { Step } from "../routing/plan.ts";
import type { Caller } from "./caller.ts";
import { isEnglish } from "./english.ts";
import { promptIn } from "./rewritten_prompt.ts";

/** How it is set up. Lengths in UTF-16 units, times in ms. */
export interface OptimizerSettings {
  /** Absent = there is no optimizer. */
  baseUrl?: string;
  apiKey?: string;
  /** Absent = there is no optimizer. */
  model?: string;
  enableTranslate: boolean;
  translatePrompt: string;
  translateMaxLength: number;
  enableExpand: boolean;
  expandPrompt: string;
  expandMaxLength: number;
  /** For all it does to one request. */
  timeout: number;
  /** Whether callers who bring a provider's key get it too. */
  relay: boolean;
}

/** What it depends on. */
export interface OptimizerOptions {
  clock: Clock;
  settings: () => OptimizerSettings;
  /** Hears why a prompt stayed as it was. */
  onFailure: (work: Work, reason: string) => void;
}

/** What it does, in this order. */
export type Work = "translate" | "expand";

/** A prompt as providers get to see it, and what is to be told about it. */
export interface Optimized {
  prompt: string;
  notes: string[];
}

/** Rewrites the prompt of a request whose plan begins with `first`. @throws only the signal's reason */
export type OptimizePrompt = (
  request: ImageRequest,
  first: Step,
  mode: Caller["mode"],
  signal: AbortSignal,
) => Promise<Optimized>;

const DONE: Record<Work, string> = { translate: "translated into English", expand: "expanded" };

/** Makes an optimizer. */
export function createPromptOptimizer({ clock, settings, onFailure }: OptimizerOptions): OptimizePrompt {
  async function rewrite(
    work: Work,
    prompt: string,
    target: TextService & { model: string },
    signal: AbortSignal,
  ): Promise<string> {
    const { translatePrompt, translateMaxLength, expandPrompt, expandMaxLength } = settings();
    const [system, maxLength] = work === "translate"
      ? [translatePrompt, translateMaxLength]
      : [expandPrompt, expandMaxLength];
    if (work === "translate" && await isEnglish(prompt)) return prompt;
    if (prompt.length > maxLength) throw new Error(`the prompt is longer than ${maxLength} characters`);
    const answer = await askTextModel(target, { model: target.model, system, text: prompt }, signal);
    const rewritten = promptIn(answer, prompt, maxLength);
    if (rewritten === "") throw new Error("the text model's answer is empty");
    return rewritten;
  }

  return async function optimizePrompt(request, first, mode, signal) {
    const { baseUrl, apiKey, model, timeout, relay, ...switches } = settings();
    const works = wantedWorks(request.rewriting, first.route.settings.promptOptimizer, switches);
    const notes: string[] = [];
    if (works.length === 0) return { prompt: request.prompt, notes };
    if (!baseUrl || !model || (mode === "relay" && !relay)) {
      const wasAsked = request.rewriting?.translate || request.rewriting?.expand;
      if (wasAsked) notes.push("prompt_optimizer: not available here");
      return { prompt: request.prompt, notes };
    }
    using limit = clock.timeout(timeout);
    const either = AbortSignal.any([signal, limit.signal]);
    let prompt = request.prompt;
    for (const work of works) {
      try {
        const rewritten = await rewrite(work, prompt, { baseUrl, apiKey, model }, either);
        if (rewritten !== prompt.trim()) {
          prompt = rewritten;
          notes.push(`prompt: ${DONE[work]}`);
        }
      } catch (error) {
        signal.throwIfAborted();
        notes.push(`prompt: could not be ${DONE[work]}, it stays as it was`);
        onFailure(work, limit.signal.aborted ? `no answer within ${timeout} ms` : reasonOf(error));
      }
    }
    return { prompt, notes };
  };
}

/** Puts another prompt in the place of a step's own; words that were added for its style stay behind it. */
export function reword(step: Step, from: string, to: string): Step {
  const { prompt } = step.request;
  if (from === to || !prompt.startsWith(from)) return step;
  return { ...step, request: { ...step.request, prompt: to + prompt.slice(from.length) } };
}

/** The request decides, then the task of the provider that is asked first, then what holds for all. */
function wantedWorks(
  request: Rewriting | undefined,
  task: Rewriting | undefined,
  { enableTranslate, enableExpand }: Pick<OptimizerSettings, "enableTranslate" | "enableExpand">,
): Work[] {
  const works: Work[] = [];
  if (request?.translate ?? task?.translate ?? enableTranslate) works.push("translate");
  if (request?.expand ?? task?.expand ?? enableExpand) works.push("expand");
  return works;
}

/** What somebody who sets it up has typed so far. */
export interface OptimizerDraft {
  baseUrl?: string;
  apiKey?: string;
  model?: string;
}

/**
 * A draft completed from the settings in force. The stored key is filled in only where the address is the
 * stored one, so that nobody can have it sent elsewhere. @throws Error where there is no address
 */
export function completeDraft(
  draft: OptimizerDraft,
  stored: OptimizerDraft,
): OptimizerDraft & { baseUrl: string } {
  const baseUrl = draft.baseUrl || stored.baseUrl;
  if (!baseUrl || !/^https?:\/\//i.test(baseUrl) || !URL.canParse(baseUrl)) {
    throw new Error("the text model has no address: name one, such as https://llm.example/v1");
  }
  const isStored = stored.baseUrl !== undefined &&
    textServiceUrl({ baseUrl }, "") === textServiceUrl({ baseUrl: stored.baseUrl }, "");
  return {
    baseUrl,
    model: draft.model || stored.model,
    apiKey: draft.apiKey || (isStored ? stored.apiKey : undefined),
  };
}

/** Ids of the models that the text model's service has. @throws Error that says why they can't be told */
export async function listOptimizerModels(
  draft: OptimizerDraft,
  { clock, settings, signal }: TestOptions,
): Promise<string[]> {
  using limit = clock.timeout(settings.timeout);
  return await listTextModels(completeDraft(draft, settings), AbortSignal.any([signal, limit.signal]));
}

/** What a test depends on. */
export interface TestOptions {
  clock: Clock;
  /** Those in force. */
  settings: OptimizerSettings;
  signal: AbortSignal;
}

/** What to try besides what was typed of the settings. */
export interface OptimizerTrial extends OptimizerDraft {
  /** What to rewrite; a short sample where it is left out. */
  prompt?: string;
  /** @default translate */
  work?: Work;
  /** Instead of the stored instruction. */
  instruction?: string;
}

/** What a test call gave. */
export interface OptimizerTest {
  /** The rewritten prompt. */
  answer: string;
  /** The address that was asked. */
  url: string;
  model: string;
  durationMs: number;
}

const SAMPLE = "雪地里的一只红狐狸";

/** Has a prompt rewritten, as a request's would be. @throws Error that says why that did not work, without any secret */
export async function testOptimizer(
  { prompt = SAMPLE, work = "translate", instruction, ...draft }: OptimizerTrial,
  { clock, settings, signal }: TestOptions,
): Promise<OptimizerTest> {
  const { model, ...service } = completeDraft(draft, settings);
  if (!model) throw new Error("no text model is named: choose one");
  const [stored, maxLength] = work === "translate"
    ? [settings.translatePrompt, settings.translateMaxLength]
    : [settings.expandPrompt, settings.expandMaxLength];
  const test = { url: textServiceUrl(service, "chat/completions"), model };
  if (work === "translate" && await isEnglish(prompt)) return { ...test, answer: prompt, durationMs: 0 };
  const startedAt = clock.now();
  using limit = clock.timeout(settings.timeout);
  const question = { model, system: instruction ?? stored, text: prompt };
  const answer = await askTextModel(service, question, AbortSignal.any([signal, limit.signal]));
  const rewritten = promptIn(answer, prompt, maxLength);
  if (rewritten === "") throw new Error("the text model's answer is empty");
  return { ...test, answer: rewritten, durationMs: clock.now() - startedAt };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
