/** Which routes there are, as configured: providers, their models, the names by which callers ask for them. */
import { canDo, type DiscoveredModel, type Model, operationOf, type Provider } from "../core/provider.ts";
import { remembered } from "../core/remembered.ts";
import type { Rewriting, Task } from "../core/request.ts";

/** What an owner set for one task of a provider. */
export interface TaskSettings {
  model?: string;
  size?: string;
  quality?: string;
  n?: number;
  steps?: number;
  weight?: number;
  /** Names that lead to this provider's configured model, separated by commas. */
  modelMap?: string;
  /** What the prompt optimizer does, where it differs from what holds for all. */
  promptOptimizer?: Rewriting;
}

/** The tasks as they are set up: variations share the settings of edits. */
export type TaskBlock = "text" | "edit" | "blend";

/** What an owner set for one model. */
export interface ModelSettings {
  hidden: boolean;
  /** A listed model whose limits an added one has. */
  like?: string;
  tasks?: readonly Task[];
  usdPerImage?: number;
}

/** What routing needs to know of a provider's settings. */
export interface ProviderSettings {
  enabled: boolean;
  baseUrl?: string;
  defaultSteps?: number;
  defaultCount?: number;
  /** Models that were added, hidden or priced by hand. */
  models: Readonly<Record<string, ModelSettings>>;
  text: TaskSettings;
  edit: TaskSettings;
  blend: TaskSettings;
}

/** A provider and one of its models, with what was set for the task. */
export interface Route {
  provider: Provider;
  model: Model;
  weight: number;
  settings: TaskSettings;
}

const DEFAULT_WEIGHT = 10;
const NONE: readonly Model[] = [];
const BLOCKS: Record<Task, TaskBlock> = { generate: "text", edit: "edit", blend: "blend", variation: "edit" };

/** The name of a route in health, logs and the panel: `OpenAI/gpt-image-2`. */
export function routeName(route: { provider: Provider; model: Model }): string {
  return `${route.provider.name}/${route.model.id}`;
}

/** The settings block of a task. */
export function blockOf(task: Task): TaskBlock {
  return BLOCKS[task];
}

/** What a provider offers instead of an id that it has stopped. */
export function successorOf(provider: Provider, id: string): string | undefined {
  // Ids come from callers, and an object has members that nobody wrote into it.
  return provider.successors && Object.hasOwn(provider.successors, id) ? provider.successors[id] : undefined;
}

/** All routes of a configuration; made anew when it changes. */
export class Catalogue {
  constructor(
    private readonly options: {
      providers: readonly Provider[];
      settings: (provider: Provider) => ProviderSettings;
      /** Models that pools list or services told of; the same array until they change. */
      discovered: (provider: Provider) => readonly DiscoveredModel[];
      /** Models that the configuration adds or serves elsewhere; the same array until they change. */
      configured?: (provider: Provider) => readonly Model[];
    },
  ) {}

  #models = new Map<
    string,
    {
      settings: ProviderSettings;
      discovered: readonly DiscoveredModel[];
      configured: readonly Model[];
      models: Model[];
      /** By id, and by id in lower case where no other has that. */
      byId: ReadonlyMap<string, Model>;
    }
  >();

  /** Providers that are switched on. */
  get providers(): Provider[] {
    return this.options.providers.filter((provider) => this.options.settings(provider).enabled);
  }

  /** The models of a provider: registered, told of by its service, added by hand; without those that are hidden. */
  modelsOf(provider: Provider): readonly Model[] {
    return this.#rows(provider).models;
  }

  #rows(provider: Provider): { models: readonly Model[]; byId: ReadonlyMap<string, Model> } {
    const settings = this.options.settings(provider);
    const discovered = this.options.discovered(provider);
    const configured = this.options.configured?.(provider) ?? NONE;
    const known = this.#models.get(provider.name);
    if (
      known?.settings === settings && known.discovered === discovered && known.configured === configured
    ) return known;
    const models = listModels(provider, settings, discovered, configured);
    const byId = new Map(models.toReversed().map((model) => [model.id.toLowerCase(), model]));
    for (const model of models) byId.set(model.id, model);
    const made = { settings, discovered, configured, models, byId };
    this.#models.set(provider.name, made);
    return made;
  }

  /** The route of a task where nobody names a model: as configured, else the provider's own choice. */
  defaultRoute(provider: Provider, task: Task): Route | undefined {
    const configured = this.#settings(provider, task).model;
    const model = configured
      ? this.#find(provider, successorOf(provider, configured) ?? configured) ?? rowFor(provider, configured)
      : this.#builtIn(provider, task);
    return model && canDo(model, task) && operationOf(provider, task)
      ? this.#route(provider, model, task)
      : undefined;
  }

  /** The route of a named model at one provider, if the provider has it or takes ids that are not listed. */
  route(provider: Provider, id: string, task: Task): Route | undefined {
    const wanted = successorOf(provider, id) ?? id;
    // A pattern must not bring back what the owner hid.
    const isLetThrough = isUnlisted(provider, id) && !this.options.settings(provider).models[wanted]?.hidden;
    const model = this.#find(provider, wanted) ?? (isLetThrough ? rowFor(provider, id) : undefined);
    return model && this.#route(provider, model, task);
  }

  /**
   * Every route that `name` leads to for `task`, wherever it is: alias, id, or an id that a provider lets through.
   * Ids that were retired lead nowhere from here.
   */
  named(name: string, task: Task): Route[] {
    const listed = this.listed(name, task);
    return listed.length > 0 ? listed : this.letThrough(name, task);
  }

  /** The routes of an alias, or of an id that is in a list. */
  listed(name: string, task: Task): Route[] {
    const providers = this.providers;
    const aliased = providers.filter((provider) => aliasesOf(this.#settings(provider, task)).includes(name));
    if (aliased.length > 0) return aliased.flatMap((provider) => this.defaultRoute(provider, task) ?? []);
    return providers.flatMap((provider) => {
      const model = this.#find(provider, name);
      return model ? [this.#route(provider, model, task)] : [];
    });
  }

  /** The routes of an id that is in no list, at providers that take ids of its kind. */
  letThrough(name: string, task: Task): Route[] {
    // A pattern that takes anything says nothing about who has a model.
    return this.providers.flatMap((provider) =>
      provider.unlisted?.like === "*" || successorOf(provider, name)
        ? []
        : this.route(provider, name, task) ?? []
    );
  }

  /** Aliases of all tasks, each once. */
  aliases(): { name: string; task: TaskBlock; provider: Provider }[] {
    return this.providers.flatMap((provider) =>
      (["text", "edit", "blend"] as const).flatMap((task) =>
        aliasesOf(this.options.settings(provider)[task]).map((name) => ({ name, task, provider }))
      )
    );
  }

  #settings(provider: Provider, task: Task): TaskSettings {
    return this.options.settings(provider)[BLOCKS[task]];
  }

  #route(provider: Provider, model: Model, task: Task): Route {
    const { defaultSteps, defaultCount } = this.options.settings(provider);
    const settings = this.#settings(provider, task);
    return {
      provider,
      model,
      weight: settings.weight ?? provider.weight ?? DEFAULT_WEIGHT,
      settings: { ...settings, steps: settings.steps ?? defaultSteps, n: settings.n ?? defaultCount },
    };
  }

  #find(provider: Provider, id: string): Model | undefined {
    const { byId } = this.#rows(provider);
    return byId.get(id) ?? byId.get(id.toLowerCase());
  }

  #builtIn(provider: Provider, task: Task): Model | undefined {
    const models = this.modelsOf(provider);
    return models.find((model) => model.id === provider.defaults?.[task]) ??
      models.find((model) => canDo(model, task));
  }
}

function isUnlisted(provider: Provider, id: string): boolean {
  return Boolean(provider.unlisted?.pattern.test(id));
}

function listModels(
  provider: Provider,
  settings: ProviderSettings,
  discovered: readonly DiscoveredModel[],
  configured: readonly Model[],
): Model[] {
  const rows = new Map<string, Model>();
  // An id that ends in a star is not a model: it is what others are like.
  for (const model of provider.models) if (!model.id.endsWith("*")) rows.set(model.id, model);
  for (const told of discovered) {
    if (!rows.has(told.id)) rows.set(told.id, { ...rowFor(provider, told.id), ...told });
  }
  for (const model of configured) rows.set(model.id, model);
  for (const [id, { hidden, like, tasks, usdPerImage }] of Object.entries(settings.models)) {
    const row = rows.get(id) ?? rowFor(provider, id, like);
    const set = {
      ...row,
      ...tasks && { tasks },
      ...usdPerImage !== undefined && { prices: { images: [{ usd: usdPerImage }] } },
    };
    if (hidden) rows.delete(id);
    else rows.set(id, set);
  }
  return [...rows.values()];
}

/** A row for an id that is not registered, with the limits of the model it is like. */
function rowFor(provider: Provider, id: string, like = likeOf(provider, id)): Model {
  const { prices: _theirs, rating: _ofIt, namesakes: _others, ...limits } =
    provider.models.find((model) => model.id === like) ??
      provider.models[0]!;
  return { ...limits, id, like: limits.id };
}

function likeOf({ models, unlisted }: Provider, id: string): string | undefined {
  return models.find((model) => model.namesakes?.includes(id))?.id ?? unlisted?.like;
}

function aliasesOf(settings: TaskSettings): readonly string[] {
  return namesIn(settings.modelMap ?? "");
}

/** Every request looks at the aliases of all providers. */
const namesIn = remembered(
  (list): readonly string[] => list.split(/[,，]/).map((name) => name.trim()).filter(Boolean),
  { most: 500, longest: 2000 },
);
