/** How keys are told over the API: always masked, in our own shape and in img-router's. */
import { z } from "@hono/zod-openapi";
import type { KeyView } from "../../admin/key_listing.ts";
import type { Provider } from "../../core/provider.ts";
import type { Admin } from "./admin.ts";
import { badField, isoTime, Time } from "./api_app.ts";

/** What may become of a key. */
export const KeyState = z.enum(["ready", "resting", "disabled", "dead"]).openapi({
  description: "`dead`: its service does not know it. Whatever rests or is dead is tried again at `backAt`.",
});

/** A key in listings. */
export const KeySchema = z.object({
  id: z.string(),
  provider: z.string(),
  name: z.string(),
  preview: z.string().openapi({ example: "abcd…wxyz" }),
  state: KeyState,
  reason: z.string().optional(),
  since: Time.optional(),
  backAt: Time.optional(),
  restingModels: z.array(
    z.object({ model: z.string(), reason: z.string(), since: Time.optional(), backAt: Time }),
  ),
  inFlight: z.int(),
  successes: z.int(),
  failures: z.int(),
  lastUsedAt: Time.optional(),
  lastError: z.string().optional(),
  enabled: z.boolean(),
  fixed: z.boolean().openapi({ description: "The environment gives it, so that it can't be changed here." }),
  variable: z.string().optional().openapi({ description: "The variable that gives it." }),
  baseUrl: z.string().optional(),
  models: z.array(z.string()).openapi({ description: "The models it is for; empty = all." }),
  addedAt: Time.optional(),
}).openapi("Key");

/** A key in our shape. */
export function tellKey(key: KeyView): z.infer<typeof KeySchema> {
  return {
    ...key,
    models: [...key.models],
    since: timeOf(key.since),
    backAt: timeOf(key.backAt),
    lastUsedAt: timeOf(key.lastUsedAt),
    addedAt: timeOf(key.addedAt),
    restingModels: key.restingModels.map((rest) => ({
      ...rest,
      since: timeOf(rest.since),
      backAt: isoTime(rest.backAt),
    })),
  };
}

/** An entry of a pool as img-router had it. */
export const PoolEntry = z.object({
  id: z.string(),
  key: z.string().openapi({ example: "abcd...wxyz" }),
  name: z.string(),
  provider: z.string(),
  status: z.enum(["active", "disabled", "rate_limited"]),
  enabled: z.boolean(),
  addedAt: z.number().optional(),
  lastUsed: z.number(),
  successCount: z.int(),
  totalCalls: z.int(),
  errorCount: z.int(),
  baseUrl: z.string().optional(),
  models: z.array(z.string()).optional(),
  readOnly: z.boolean(),
}).openapi("KeyPoolEntry");

/** A key in img-router's shape; times are ms since the epoch there. */
export function tellEntry(key: KeyView): z.infer<typeof PoolEntry> {
  const { id, name, provider, state, enabled, addedAt, successes, failures, baseUrl, models } = key;
  return {
    id,
    key: key.preview.includes("…") ? key.preview.replace("…", "...") : "********",
    name,
    provider,
    status: state === "ready" ? "active" : state === "resting" ? "rate_limited" : "disabled",
    enabled,
    addedAt,
    lastUsed: key.lastUsedAt ?? 0,
    successCount: successes,
    totalCalls: successes + failures,
    errorCount: failures,
    baseUrl,
    ...models.length > 0 && { models: [...models] },
    readOnly: key.fixed,
  };
}

/** The provider of that name. @throws HttpFault 400 */
export function providerNamed({ providers }: Pick<Admin, "providers">, name: string): Provider {
  const wanted = name.trim().toLowerCase();
  const found = providers.find((provider) =>
    [provider.name, ...provider.aliases ?? []].some((known) => known.toLowerCase() === wanted)
  );
  if (found) return found;
  const names = providers.map((provider) => provider.name).join(", ");
  throw badField(
    "provider",
    `There is no provider "${name.slice(0, 64)}"; there are ${names}`,
    "unknown_provider",
  );
}

/** Where calls to a provider go: as configured, or its own address. */
export function baseUrlOf({ settings }: Pick<Admin, "settings">): (provider: Provider) => string | undefined {
  return (provider) => settings.current.providers[provider.name]?.baseUrl ?? provider.baseUrl;
}

function timeOf(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : isoTime(ms);
}
