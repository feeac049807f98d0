/** What the page of channels reads and changes: providers, as they are set up for each task. */
import type { InferResponseType } from "hono/client";
import { api, call } from "../../api.ts";

/** A provider as the gateway tells it. */
export type Provider = InferResponseType<typeof api.providers[":name"]["$get"], 200>;
/** All of them, and the revision of the settings that they were told for. */
export interface Channels {
  revision: string;
  providers: Provider[];
}

/** The tasks as the settings call them, and as a request does. */
export const TASKS = { text: "generate", edit: "edit", blend: "blend" } as const;
/** One of them. */
export type Task = keyof typeof TASKS;

/** Reads all channels. */
export async function readChannels(signal?: AbortSignal): Promise<Channels> {
  const reply = await api.providers.$get({}, { init: { signal } });
  const { data } = await call(reply);
  return { revision: reply.headers.get("etag") ?? "", providers: data };
}

/** Whether a provider has a model for a task, or takes one that somebody names. */
export function canDo({ tasks, takesUnlisted, models }: Provider, task: Task): boolean {
  return tasks[task].usedModel !== undefined || takesUnlisted ||
    models.some((model) => model.tasks.includes(TASKS[task]));
}

/** Whether there is a key to ask it with. */
export function hasKey({ keyless, keys }: Provider): boolean {
  return keyless || keys.total > keys.disabled;
}

/** The variable of the environment that fixes a setting of a provider. */
export function fixedBy({ fixed }: Provider, path: string): string | undefined {
  return fixed.find((setting) => setting.path === path)?.variable;
}

/** Saves members of the settings file, all at once. */
export function saveSettings(members: Record<string, unknown>, revision: string) {
  return call(api["runtime-config"].$post({ json: members, header: { "if-match": revision } }));
}

/** Switches a provider on or off, whatever else was saved in between. */
export function switchProvider(name: string, enabled: boolean) {
  return call(api.providers[":name"].$patch({ param: { name }, json: { enabled }, header: {} }));
}
