/** Made-up providers and a configuration with defaults, for tests of routing. */
import type { DiscoveredModel, Model, Operation, Provider } from "../core/provider.ts";
import { Catalogue, type ProviderSettings } from "./catalogue.ts";
import type { PlanOptions } from "./plan.ts";

const made: Operation = () => Promise.resolve({ images: [] });

/** A provider that can do everything, with the models that are given. */
export function provider(name: string, models: Model[], more: Partial<Provider> = {}): Provider {
  return {
    name,
    keys: {
      pattern: new RegExp(`^${name.toLowerCase()}-`),
      sample: `${name.toLowerCase()}-1`,
      send: () => ({}),
    },
    models,
    operations: { generate: made, edit: made },
    ...more,
  };
}

/** A model that makes and edits, unless told otherwise. */
export function model(id: string, more: Partial<Model> = {}): Model {
  return { id, tasks: ["generate", "edit", "blend"], maxInputs: 4, mask: true, ...more };
}

/** What an owner set, by the name of a provider; all are enabled unless told otherwise. */
export type Settings = Record<string, Partial<ProviderSettings>>;

/** A catalogue of `providers`. */
export function catalogueOf(
  providers: Provider[],
  settings: Settings = {},
  discovered: Record<string, DiscoveredModel[]> = {},
): Catalogue {
  const all = new Map(providers.map(({ name }) => [name, {
    enabled: true,
    models: {},
    text: {},
    edit: {},
    blend: {},
    ...settings[name],
  }]));
  return new Catalogue({
    providers,
    settings: (provider) => all.get(provider.name)!,
    discovered: (provider) => discovered[provider.name] ?? NONE,
  });
}

const NONE: DiscoveredModel[] = [];

/** Options of a plan over `providers`, all of them with keys, by `cascade`, with dice that always show 0. */
export function planning(
  providers: Provider[],
  { settings, discovered, ...more }: Partial<PlanOptions> & {
    settings?: Settings;
    discovered?: Record<string, DiscoveredModel[]>;
  } = {},
): PlanOptions {
  return {
    catalogue: catalogueOf(providers, settings, discovered),
    findProvider: (name) =>
      providers.find((provider) =>
        [provider.name, ...provider.aliases ?? []].some((known) => known.toLowerCase() === name.toLowerCase())
      ),
    isUsable: () => true,
    strategy: "cascade",
    unknownModel: "fallback",
    dice: () => 0,
    latencyOf: () => undefined,
    ...more,
  };
}
