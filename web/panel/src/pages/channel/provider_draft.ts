/** A provider's settings as a form has them, and back: an empty field is the default. */
import type { Provider, Task } from "./channels.ts";

/** The defaults of one task. */
export interface TaskDraft {
  weight?: number;
  modelMap: readonly string[];
  model: string;
  size: string;
  quality: string;
  n?: number;
  steps?: number;
}

/** What the form holds. */
export interface Draft extends Record<Task, TaskDraft> {
  baseUrl: string;
  maxConcurrent?: number;
  requestsPerMinute?: number;
  requestsPerDay?: number;
  /** In seconds. */
  timeout?: number;
  /** US-dollars an image, by model. */
  prices: Record<string, number | undefined>;
  hidden: readonly string[];
}

/** As the form begins. */
export function draftOf(provider: Provider): Draft {
  const { limits: { timeout, ...limits }, tasks, baseUrl, ownBaseUrl, ownPrices, hiddenModels } = provider;
  const task = (name: Task): TaskDraft => {
    const { weight, modelMap, model = "", size = "", quality = "", n, steps } = tasks[name];
    const aliases = modelMap.split(/[,，\n]/).map((alias) => alias.trim()).filter(Boolean);
    return { weight, modelMap: aliases, model, size, quality, n, steps };
  };
  return {
    baseUrl: baseUrl === ownBaseUrl ? "" : baseUrl ?? "",
    ...limits,
    timeout: timeout === undefined ? undefined : timeout / 1000,
    text: task("text"),
    edit: task("edit"),
    blend: task("blend"),
    prices: ownPrices,
    hidden: hiddenModels,
  };
}

type TaskChanges = Partial<
  & Record<"model" | "size" | "quality" | "modelMap", string | null>
  & Record<"weight" | "n" | "steps", number | null>
>;
/** What is sent: only what was changed, `null` for what goes back to its default. */
export type Changes =
  & Partial<Record<Task, TaskChanges>>
  & Partial<Record<"maxConcurrent" | "requestsPerMinute" | "requestsPerDay" | "timeout", number | null>>
  & {
    baseUrl?: string | null;
    models?: Record<string, { hidden?: boolean | null; usdPerImage?: number | null }>;
  };

/** What makes `draft` of what was `shown`. */
export function changesOf(shown: Draft, draft: Draft): Changes {
  const { prices, hidden, text, edit, blend, timeout, ...plain } = draft;
  const blocks = Object.entries({ text, edit, blend }).map(([name, block]) => {
    const before = sent(shown[name as Task]);
    return [name, changed(before, sent(block))] as const;
  });
  const models: NonNullable<Changes["models"]> = {};
  for (const id of new Set([...Object.keys(shown.prices), ...Object.keys(prices)])) {
    if (shown.prices[id] !== prices[id]) models[id] = { usdPerImage: prices[id] ?? null };
  }
  for (const id of new Set([...shown.hidden, ...hidden])) {
    const isHidden = hidden.includes(id);
    if (isHidden !== shown.hidden.includes(id)) models[id] = { ...models[id], hidden: isHidden || null };
  }
  const ms = (seconds: number | undefined) => seconds === undefined ? undefined : Math.round(seconds * 1000);
  return {
    ...changed(
      {
        baseUrl: shown.baseUrl,
        maxConcurrent: shown.maxConcurrent,
        requestsPerMinute: shown.requestsPerMinute,
        requestsPerDay: shown.requestsPerDay,
        timeout: ms(shown.timeout),
      },
      { ...plain, timeout: ms(timeout) },
    ),
    ...Object.fromEntries(blocks.filter(([, block]) => Object.keys(block).length > 0)),
    ...Object.keys(models).length > 0 && { models },
  };
}

function sent({ modelMap, ...block }: TaskDraft) {
  return { ...block, modelMap: modelMap.join(", ") };
}

/** Members that differ; what was emptied is `null`. */
function changed<T extends object>(before: T, after: T): { [K in keyof T]?: T[K] | null } {
  const entries = Object.entries(after) as [keyof T, T[keyof T]][];
  return Object.fromEntries(
    entries.filter(([name, value]) => value !== before[name])
      .map(([name, value]) => [name, value === "" || value === undefined ? null : value]),
  ) as { [K in keyof T]?: T[K] | null };
}
