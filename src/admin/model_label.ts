/**
 * The name under which a model is counted. Callers may write any model into a request, so only those of the
 * catalogue have a name of their own: statistics and metrics must not grow by what strangers write.
 */
import type { Model, Provider } from "../core/provider.ts";
import type { Catalogue } from "../routing/catalogue.ts";

/** Stands for all models that are in no list. */
export const OTHER = "other";

/** Gives the label of a model at a provider, both as they are called in attempts. */
export function modelLabels(
  catalogue: Catalogue,
  providers: readonly Provider[],
): (provider: string, model: string) => string {
  const byName = new Map(providers.map((provider) => [provider.name, provider]));
  const ids = new WeakMap<readonly Model[], Set<string>>();
  return (name, model) => {
    const provider = byName.get(name);
    if (!provider) return OTHER;
    const models = catalogue.modelsOf(provider);
    let known = ids.get(models);
    if (!known) ids.set(models, known = new Set(models.map(({ id }) => id)));
    return known.has(model) ? model : OTHER;
  };
}
