/** Providers as the panel shows them: how they are set up, what their models can do, and how they fare. */
import type { Config } from "../config/schema.ts";
import { priceOf } from "../core/price.ts";
import type { Model, Prices, Provider } from "../core/provider.ts";
import { type ImageRequest, type Task, TASKS } from "../core/request.ts";
import type { SizeRule } from "../core/size.ts";
import type { Pools } from "../gateway/pools.ts";
import { blockOf, type Catalogue, routeName } from "../routing/catalogue.ts";
import type { Health } from "../routing/health.ts";
import { type Parameter, parametersOf } from "./model_form.ts";

/** A route that is being left alone. */
export interface Closed {
  /** In ms since the epoch. */
  until: number;
  reason?: string;
}

/** One model. */
export interface ModelView {
  id: string;
  tasks: Task[];
  /** Images one call gives; more are made by several calls. */
  maxImages: number;
  /** Input images it takes. */
  maxInputs: number;
  mask: boolean;
  /** Absent = any size is passed on. */
  sizes?: SizeRule;
  defaultSize?: string;
  qualities?: readonly string[];
  parameters: Parameter[];
  prices?: Prices;
  /** An image of the usual size and quality in US-dollars; absent = unknown. */
  priceUsd?: number;
  rating?: number;
  /** ISO date. */
  retires?: string;
  latencyMs?: number;
  closed?: Closed;
}

/** One provider. */
export interface ProviderView {
  name: string;
  aliases: readonly string[];
  enabled: boolean;
  /** Whether all of it works without a key. */
  keyless: boolean;
  /** Where a person gets a key. */
  keyHelp?: string;
  keySample: string;
  /** Where calls go; absent = nowhere before somebody says where. */
  baseUrl?: string;
  /** The provider's own address, where it has one. */
  ownBaseUrl?: string;
  /** Whether keys can be checked without buying a picture. */
  canCheckKeys: boolean;
  /** Whether it takes ids of models that are not listed. */
  takesUnlisted: boolean;
  limits: Pick<Settings, "maxConcurrent" | "requestsPerMinute" | "requestsPerDay" | "timeout">;
  defaultSteps?: number;
  defaultCount?: number;
  tasks: Record<"text" | "edit" | "blend", Settings["text"] & { usedModel?: string }>;
  models: ModelView[];
  /** Ids of models that were hidden by hand. */
  hiddenModels: string[];
  /** Prices that were set by hand, by model: US-dollars an image. */
  ownPrices: Record<string, number>;
  keys: { total: number; ready: number; resting: number; disabled: number; dead: number };
  /** Set where every route that was tried lately is left alone. */
  closed?: Closed;
}

type Settings = Config["providers"][string];

/** What views depend on. */
export interface ProviderViewOptions {
  settings: Settings;
  catalogue: Catalogue;
  pools: Pools;
  health: Health;
  keys: ProviderView["keys"];
  /** In ms since the epoch. */
  now: number;
}

/** A provider as it is shown. */
export function viewProvider(provider: Provider, options: ProviderViewOptions): ProviderView {
  const { settings, catalogue, keys } = options;
  const { enabled, maxConcurrent, requestsPerMinute, requestsPerDay, timeout, defaultSteps, defaultCount } =
    settings;
  const models = catalogue.modelsOf(provider).map((model) => viewModel(provider, model, options));
  const tried = models.filter(({ latencyMs, closed }) => latencyMs !== undefined || closed);
  const closed = tried.every((model) => model.closed)
    ? tried.flatMap((model) => model.closed ?? []).sort((a, b) => a.until - b.until)[0]
    : undefined;
  const block = (task: Task) => ({
    ...settings[blockOf(task)],
    usedModel: catalogue.defaultRoute(provider, task)?.model.id,
  });
  return {
    name: provider.name,
    aliases: provider.aliases ?? [],
    enabled,
    keyless: provider.keyless ?? false,
    keyHelp: provider.keys.help,
    keySample: provider.keys.sample,
    baseUrl: settings.baseUrl ?? provider.baseUrl,
    ownBaseUrl: provider.baseUrl,
    canCheckKeys: Boolean(provider.checkKey ?? provider.listModels),
    takesUnlisted: provider.unlisted !== undefined,
    limits: { maxConcurrent, requestsPerMinute, requestsPerDay, timeout },
    defaultSteps,
    defaultCount,
    tasks: { text: block("generate"), edit: block("edit"), blend: block("blend") },
    models,
    hiddenModels: Object.entries(settings.models).filter(([, { hidden }]) => hidden).map(([id]) => id),
    ownPrices: Object.fromEntries(
      Object.entries(settings.models).flatMap(([id, { usdPerImage }]) =>
        usdPerImage === undefined ? [] : [[id, usdPerImage]]
      ),
    ),
    keys,
    closed,
  };
}

function viewModel(provider: Provider, model: Model, { health, now }: ProviderViewOptions): ModelView {
  const { id, tasks, maxImages = 1, maxInputs = 1, mask = false, sizes, defaultSize, qualities } = model;
  const { latencyMs, closedUntil, reason } = health.state(routeName({ provider, model }));
  const takesImages = tasks.some((task) => task !== "generate");
  return {
    id,
    tasks: TASKS.filter((task) => tasks.includes(task)),
    maxImages,
    maxInputs: takesImages ? maxInputs : 0,
    mask,
    sizes,
    defaultSize,
    qualities,
    parameters: parametersOf(model),
    prices: model.prices,
    priceUsd: priceOf(model, { count: 1, request: USUAL }),
    rating: model.rating,
    retires: model.retires,
    latencyMs,
    closed: closedUntil !== undefined && closedUntil > now ? { until: closedUntil, reason } : undefined,
  };
}

const USUAL: ImageRequest = {
  task: "generate",
  prompt: "",
  model: "",
  inputs: [],
  qualityEnhancers: [],
  partialImages: 0,
  providerParams: {},
};
