/** What the page of clients reads and sends: an empty field of the form is no limit. */
import type { InferResponseType } from "hono/client";
import { api, call } from "../../api.ts";

/** A holder of a gateway key. */
export type Client = InferResponseType<typeof api.clients.$get, 200>["data"][number];

/** Limits, as they are called everywhere. */
export const LIMITS = [
  "requestsPerMinute",
  "imagesPerDay",
  "imagesPerMonth",
  "usdPerDay",
  "usdPerMonth",
] as const;

/** What the form holds. */
export type Draft = Partial<Record<typeof LIMITS[number], number>> & {
  name: string;
  /** As `<input type="datetime-local">` has it; empty = never. */
  expiresAt: string;
  models: readonly string[];
  providers: readonly string[];
};

/** As the form begins. */
export function draftOf(client?: Client): Draft {
  const limits = Object.fromEntries(LIMITS.map((limit) => [limit, client?.[limit] ?? undefined]));
  return {
    ...limits,
    name: client?.name ?? "",
    expiresAt: client?.expiresAt ? localTime(client.expiresAt) : "",
    models: client?.models ?? [],
    providers: client?.providers ?? [],
  };
}

/** As it is sent. */
export function sentOf({ expiresAt, name, models, providers, ...limits }: Draft) {
  return {
    ...Object.fromEntries(LIMITS.map((limit) => [limit, limits[limit] ?? null])),
    name: name.trim(),
    models: [...models],
    providers: [...providers],
    expiresAt: expiresAt === "" ? null : new Date(expiresAt).toISOString(),
  };
}

/** What can be chosen from where a client is limited. */
export async function readChoices(signal: AbortSignal): Promise<{ models: string[]; providers: string[] }> {
  const { data } = await call(api.providers.$get({}, { init: { signal } }));
  const enabled = data.filter((provider) => provider.enabled);
  const models = enabled.filter(({ keys, keyless }) => keyless || keys.total > 0)
    .flatMap((provider) => provider.models.map(({ id }) => id));
  return { providers: enabled.map(({ name }) => name), models: [...new Set(models)].sort() };
}

/** How a client stands. */
export function standingOf(
  { enabled, expiresAt }: Client,
  now = Date.now(),
): "enabled" | "disabled" | "expired" {
  if (!enabled) return "disabled";
  return expiresAt !== null && Date.parse(expiresAt) <= now ? "expired" : "enabled";
}

/** Whether a call that names no model would find nobody to ask. */
export async function lacksProvider(signal: AbortSignal): Promise<boolean> {
  const { error } = await call(
    api.routing.preview.$post({ json: { task: "generate" } }, { init: { signal } }),
  );
  return error?.code === "no_provider";
}

/** A call that a reader can paste into a terminal. @param model for a gateway that can't choose one yet */
export function exampleOf(key: string, model?: string): string {
  const body = { ...model && { model }, prompt: "A lighthouse in the fog", size: "1024x1024" };
  return `curl ${location.origin}/v1/images/generations \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '${JSON.stringify(body)}'`;
}

function localTime(iso: string): string {
  const time = new Date(iso);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
