/**
 * A change of settings as somebody sent it, made into one that can be saved. What is sent as it was shown is no
 * change: whoever sends everything back changes what they touched, no default becomes fixed, no mask a secret.
 */
import { isDeepStrictEqual } from "node:util";
import type { Field } from "../config/fields.ts";
import { isObject, type Json, type JsonObject, valueAt } from "../config/json_object.ts";
import type { Settings } from "../config/settings.ts";
import { Failed } from "../core/failure.ts";
import { hasMaskedUser, isMask, shownSettings, unmasked } from "./settings_mask.ts";

/** A setting that the environment fixes. */
export interface FixedSetting {
  path: string;
  /** The variable that fixes it. */
  variable: string;
}

/** A change that can be saved. */
export interface SettingsChange {
  /** For `Settings.update()`. */
  patch: JsonObject;
  /** Paths of what it changes. */
  changed: string[];
  /** What it would have changed if the environment did not fix it. */
  fixed: FixedSetting[];
}

/**
 * Reads a change: members to merge, `null` (or an empty secret) to remove one.
 * @throws Failed (`invalid_request`) where a mask stands for a secret that is not there
 */
export function readChange(sent: JsonObject, settings: Settings): SettingsChange {
  const fields = new Map(settings.fields.map((field) => [field.path, field]));
  const changed: string[] = [];
  const fixed: FixedSetting[] = [];

  function read(members: JsonObject, shown: unknown, above: string[]): JsonObject {
    return Object.fromEntries(
      Object.entries(members).flatMap(([name, value]): [string, Json][] => {
        const keys = [...above, name];
        const path = keys.join(".");
        const field = fields.get(path);
        const before = valueAt(shown, [name]);
        if (value === undefined || isDeepStrictEqual(value, before)) return [];
        if (!field && isObject(value) && (isObject(before) || before === undefined)) {
          const inner = read(value, before, keys);
          return Object.keys(inner).length > 0 ? [[name, inner]] : [];
        }
        const meant = field?.secret ? unmasked(field, value, settings) : value;
        if (meant === undefined || field && isDeepStrictEqual(meant, valueAt(settings.current, keys))) {
          return [];
        }
        if (meant === null && before === undefined) return [];
        refuseMasks(meant, path, field);
        const variable = variableOf(field, settings);
        if (variable !== undefined && meant !== null) {
          fixed.push({ path, variable });
          return [];
        }
        changed.push(path);
        return [[name, meant]];
      }),
    );
  }

  const patch = read(settings.named(sent), shownSettings(settings), []);
  return { patch, changed, fixed };
}

/** A settings file as a change: what it does not say, or says with `null`, stays as it is. */
export function readImport(file: JsonObject, settings: Settings): SettingsChange {
  return readChange(withoutNulls(file), settings);
}

/** All that the environment fixes. */
export function fixedSettings(settings: Settings): FixedSetting[] {
  return [...settings.fixed].map(([path, variable]) => ({ path, variable }));
}

function variableOf(field: Field | undefined, settings: Settings): string | undefined {
  if (field === undefined) return undefined;
  const variable = settings.fixed.get(field.path);
  if (variable !== undefined || !field.environmentOnly) return variable;
  return [field.env ?? []].flat().join(" or ") || "the environment";
}

function refuseMasks(value: Json, path: string, field: Field | undefined): void {
  const items = Array.isArray(value) ? value : [value];
  if (!(field?.secret && items.some(isMask)) && !items.some(hasMaskedUser)) return;
  throw new Failed({
    kind: "invalid_request",
    param: path,
    message: `${path}: this mask stands for nothing that is stored; send the value itself`,
  });
}

function withoutNulls(members: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== null)
      .map(([name, value]) => [name, isObject(value) ? withoutNulls(value) : value]),
  );
}
