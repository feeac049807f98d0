/** Who reads pasted keys needs to know the providers; that is the registry's business alone. */
import type { ReadingOptions } from "../../admin/key_reading.ts";
import type { Provider } from "../../core/provider.ts";
import { findProvider, recogniseKey } from "../../providers/registry.ts";
import type { Admin } from "./admin.ts";

/** How keys are read. @param only the provider of all of them */
export function readingOf({ providers }: Pick<Admin, "providers">, only?: Provider): ReadingOptions {
  return { findProvider, recogniseKey, providers, only };
}
