/** Which settings stand together. What no group claims comes last, so that a new setting is never missing. */
import type { SettingField } from "../../settings/draft.ts";

/** Beginnings of paths, in the order in which they are shown; the first group that claims a setting has it. */
const GROUPS = {
  server: [
    "system.port",
    "system.host",
    "system.publicBaseUrl",
    "system.trustedProxies",
    "system.maxBodySize",
    "system.shutdownGrace",
    "system.cors",
    "dataDir",
  ],
  access: [
    "system.modes",
    "system.globalAccessKey",
    "system.clientKeys",
    "system.allowAnonymous",
    "security",
    "adminPassword",
    "secretKey",
  ],
  routing: ["routing", "system.apiTimeout"],
  replies: ["system.chatImages", "system.keepAlive", "system.heartbeat"],
  storage: ["storage"],
  imageBed: ["imageBed"],
  watching: [
    "system.logLevel",
    "system.logFormat",
    "system.requestLogging",
    "system.healthCheck",
    "system.metrics",
    "system.metricsToken",
    "history",
    "update",
  ],
  other: [""],
  providers: ["providers", "hfModelMap"],
} satisfies Record<string, string[]>;

/** A group's name. */
export type GroupId = keyof typeof GROUPS;

const IDS = Object.keys(GROUPS) as GroupId[];
/** Have a page of their own. */
const ELSEWHERE = "promptOptimizer.";

/** The group that a setting stands in; `undefined` for what has a page of its own, or can't be set at all. */
export function groupOf({ path, environmentOnly, variables }: SettingField): GroupId | undefined {
  if (path.startsWith(ELSEWHERE) || environmentOnly && variables.length === 0) return undefined;
  const claimed = IDS.filter((id) => id !== "other").find((id) => placeIn(id, path) >= 0);
  return claimed ?? "other";
}

/** The settings by group, in order. Groups without any are left out. */
export function grouped(fields: readonly SettingField[]): [GroupId, SettingField[]][] {
  return IDS.map((id): [GroupId, SettingField[]] => {
    const own = fields.filter((field) => groupOf(field) === id);
    return [id, own.sort((a, b) => placeIn(id, a.path) - placeIn(id, b.path))];
  }).filter(([, own]) => own.length > 0);
}

function placeIn(id: GroupId, path: string): number {
  return GROUPS[id].findIndex((start) => path === start || path.startsWith(`${start}.`));
}

/** A part of a group: a task of a provider, the bucket of the storage, or the rest. */
export type PartId = "" | "text" | "edit" | "blend" | "s3";

/** The part that a setting stands in. */
export function partOf({ path }: { path: string }): PartId {
  if (path.startsWith("storage.s3.")) return "s3";
  return (/^providers\.[^.]+\.(text|edit|blend)\./.exec(path)?.[1] ?? "") as PartId;
}

/** The provider that a setting belongs to. */
export function providerOf({ path }: { path: string }): string | undefined {
  return /^providers\.([^.]+)\./.exec(path)?.[1];
}
