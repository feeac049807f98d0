/** Which models there are, what the chosen ones can be told, and who would be asked. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { api, call } from "../../api.ts";
import { type Resource, useResource } from "../../resource.ts";
import { draft, splitModel, task } from "./draft.ts";

export type Provider = Awaited<ReturnType<typeof readProviders>>["data"][number];
export type Model = Provider["models"][number];
export type Parameter = Model["parameters"][number];
type Preview = Awaited<ReturnType<typeof readPreview>>;

function readProviders(signal: AbortSignal) {
  return call(api.providers.$get({}, { init: { signal } }));
}

async function readPreview(model: string, providers: readonly string[], signal: AbortSignal) {
  const { inputs, mask } = draft.peek();
  const json = {
    task: task.peek(),
    inputs: inputs.length,
    mask: Boolean(mask),
    ...splitModel(model, providers),
  };
  return await call(api.routing.preview.$post({ json }, { init: { signal } }));
}

/** Providers that are switched on, those that can be used first. */
export function useProviders(): Resource<Provider[]> {
  return useResource(async (signal) => {
    const { data } = await readProviders(signal);
    const isReady = ({ keyless, keys }: Provider) => keyless || keys.total > 0;
    return data.filter(({ enabled, models }) => enabled && models.length > 0)
      .sort((one, other) => Number(isReady(other)) - Number(isReady(one)));
  }, { on: ["settings", "keys"] });
}

export const Providers = createContext<readonly Provider[]>([]);

/** The names of all providers. */
export function useProviderNames(): string[] {
  return useContext(Providers).map(({ name }) => name);
}

/** What is known of a choice. */
export interface Choice {
  /** The model that would be asked, or that was named. */
  model?: Model;
  /** Who would be asked first, as `Provider/id`. */
  goesTo?: string;
  priceUsd?: number;
  /** Whether nobody is set up and this machine paints. */
  isMock: boolean;
  /** Why nobody could be asked. */
  problem?: string;
}

/** Looks a choice up, again when the draft's task changes. */
export function useChoice(model: string): Choice {
  const providers = useContext(Providers);
  const names = providers.map(({ name }) => name);
  const { inputs, mask } = draft.value;
  const preview = useResource((signal) => readPreview(model, names, signal), {
    by: [model, task.value, inputs.length, Boolean(mask), names.join()],
    on: ["settings", "keys", "health"],
  });
  return choiceOf(model, providers, preview.data.value);
}

function choiceOf(name: string, providers: readonly Provider[], preview: Preview | undefined): Choice {
  const find = (provider: string | undefined, id: string) =>
    providers.filter((one) => provider === undefined || one.name === provider)
      .flatMap(({ models }) => models).find((model) => model.id.toLowerCase() === id.toLowerCase());
  const { provider, model: id } = splitModel(name, providers.map(({ name }) => name));
  const step = preview?.steps.find(({ skipped }) => skipped === undefined) ?? preview?.steps[0];
  if (step) {
    return {
      model: find(step.provider, step.model) ?? find(provider, id),
      goesTo: `${step.provider}/${step.model}`,
      priceUsd: step.priceUsd,
      isMock: false,
      problem: step.skipped,
    };
  }
  const isOpen = provider === undefined && /^(auto)?$/i.test(id);
  if (preview?.error?.code === "no_provider" && isOpen) {
    return { model: find("Mock", "mock-painter"), goesTo: "Mock/mock-painter", isMock: true };
  }
  return { model: find(provider, id), isMock: false, problem: preview?.error?.message };
}

/** The parameters of all these models, each once, with the widest bounds. */
export function parametersOf(models: readonly (Model | undefined)[]): Parameter[] {
  const all = new Map<string, Parameter>();
  for (const parameter of models.flatMap((model) => model?.parameters ?? [])) {
    const known = all.get(parameter.name);
    const options = [...new Set([...known?.options ?? [], ...parameter.options ?? []])];
    all.set(parameter.name, {
      ...known,
      ...parameter,
      ...options.length > 0 && { options },
      ...known?.most !== undefined && parameter.most !== undefined &&
        { most: Math.max(known.most, parameter.most) },
    });
  }
  return [...all.values()];
}
