/**
 * All providers, in the order in which their keys are recognised. Model lists, key detection, settings,
 * documents and shared tests are derived from this list.
 */
import type { Provider } from "../core/provider.ts";
import { blackForestLabs } from "./black_forest_labs.ts";
import { doubao } from "./doubao.ts";
import { fal } from "./fal.ts";
import { gemini } from "./gemini.ts";
import { gitee } from "./gitee.ts";
import { huggingFace } from "./hugging_face/mod.ts";
import { midjourney } from "./midjourney.ts";
import { modal } from "./modal.ts";
import { mock } from "./mock.ts";
import { modelScope } from "./model_scope.ts";
import { newApi } from "./new_api.ts";
import { openAi } from "./openai.ts";
import { pollinations } from "./pollinations.ts";
import { replicate } from "./replicate.ts";
import { runPod } from "./runpod.ts";

/** Every provider; a key belongs to the first whose shape it has. */
export const PROVIDERS: readonly Provider[] = [
  mock,
  huggingFace,
  modelScope,
  pollinations,
  replicate,
  runPod,
  gemini,
  blackForestLabs,
  fal,
  doubao,
  newApi,
  openAi,
  modal,
  midjourney,
  gitee,
];

/** Finds a provider by its name or an alias, in any case. */
export function findProvider(name: string): Provider | undefined {
  const wanted = name.trim().toLowerCase();
  return PROVIDERS.find((provider) =>
    [provider.name, ...provider.aliases ?? []].some((known) => known.toLowerCase() === wanted)
  );
}

/** The provider whose keys look like `key`. */
export function recogniseKey(key: string): Provider | undefined {
  return PROVIDERS.find((provider) => provider.keys.pattern.test(key));
}
