/** Makes a configuration of a settings file: environment over file over built-in values, each with its origin. */
import type { z } from "zod";
import { readVariable, type Variables } from "./environment.ts";
import { type Fault, HIDDEN, showValue } from "./fault.ts";
import { type Field, fieldsOf, readText, variablesOf } from "./fields.ts";
import { isObject, type Json, type JsonObject, mergePatch, valueAt } from "./json_object.ts";
import { findProvider, type ProviderIdentity } from "./provider_identity.ts";
import { type Config, configSchema } from "./schema.ts";
import { impliesBoth, missingForTarget } from "./storage_target.ts";

/** Where a setting's value comes from. */
export type Origin = "environment" | "file" | "default";

/** Origin of every setting by its path, such as `system.port`. */
export type Origins = Record<string, Origin>;

/** A configuration, or all that is wrong with it. */
export type Interpretation =
  | { ok: true; config: Config; origins: Origins }
  | { ok: false; faults: Fault[] };

/** A value, and where it came from. */
interface Found {
  value: unknown;
  origin: Origin;
  /** The variable, or the file. */
  where: string;
}

/** Reads settings files against variables that stay the same. */
export class Interpreter {
  readonly #schema: z.ZodType<Config>;
  readonly #fields: Field[];
  readonly #groups: string[][];
  readonly #environment = new Map<string, Found>();
  readonly #defaults = new Map<string, Found>();
  readonly #faults: Fault[] = [];

  /**
   * @param options.variables of the process and `.env`. @param options.folder where relative paths in them begin.
   * @param options.fileName how faults call the file.
   */
  constructor(
    private readonly options: {
      providers: readonly ProviderIdentity[];
      variables: Variables;
      folder: string;
      fileName: string;
    },
  ) {
    this.#schema = configSchema(options.providers);
    ({ fields: this.#fields, groups: this.#groups } = fieldsOf(this.#schema));
    for (const field of this.#fields) {
      this.#readVariables(field, variablesOf(field), "environment", this.#environment);
      if (field.envDefault) this.#readVariables(field, [field.envDefault], "environment", this.#defaults);
    }
  }

  /** All settings there are. */
  get fields(): readonly Field[] {
    return this.#fields;
  }

  /** The variable that fixes a setting, by the setting's path. */
  get fixed(): ReadonlyMap<string, string> {
    return new Map([...this.#environment].map(([path, { where }]) => [path, where]));
  }

  /** Reads the members of a settings file. Unknown ones and `null` count as absent; nothing is changed. */
  read(file: JsonObject): Interpretation {
    const { fileName, providers } = this.options;
    const known = nameProviders(file, providers);
    const faults = [...this.#faults, ...this.#misplaced(known)];
    const found = new Map<string, Found>();
    const input: Record<string, unknown> = {};
    for (const field of this.#fields) {
      const fromFile = (): Found | undefined => {
        const value = fileValue(field, known);
        return value === undefined ? undefined : { value, origin: "file", where: fileName };
      };
      const choice = this.#environment.get(field.path) ?? fromFile() ?? this.#defaults.get(field.path);
      if (choice === undefined) continue;
      found.set(field.path, choice);
      put(input, field.keys, choice.value);
    }
    if (impliesBoth((path) => found.has(path))) {
      found.set("storage.target", { ...found.get("storage.s3.bucket")!, value: "both" });
      put(input, ["storage", "target"], "both");
    }

    const { success, data, error } = this.#schema.safeParse(input);
    if (!success) faults.push(...this.#toFaults(error.issues, input, found));
    else {
      const target = found.get("storage.target");
      faults.push(
        ...missingForTarget(data.storage, { file: target?.origin === "file" ? target.where : undefined }),
      );
    }
    if (!success || faults.length > 0) return { ok: false, faults: unique(faults) };
    const origins = this.#fields.map(({ path }) => [path, found.get(path)?.origin ?? "default"] as const);
    return { ok: true, config: data, origins: Object.fromEntries(origins) };
  }

  #readVariables(field: Field, names: string[], origin: Origin, into: Map<string, Found>): void {
    const set: { name: string; value: unknown }[] = [];
    for (const name of names) {
      const variable = readVariable(this.options.variables, name, this.options.folder);
      if (!variable.ok) {
        const { where, found, expected } = variable;
        this.#faults.push({ where, path: commonPath(field, name), found, expected });
      } else if (variable.value !== undefined) {
        set.push({ name, value: readText(field, variable.value) });
      }
    }
    if (set.length === 0) return;
    const value = field.kind === "list" ? [...new Set(set.flatMap(({ value }) => value))] : set[0]!.value;
    into.set(field.path, { value, origin, where: set.map(({ name }) => name).join(", ") });
  }

  /** Objects that are something else, so that nothing in them can be read. */
  #misplaced(file: JsonObject): Fault[] {
    return this.#groups.flatMap((keys) => {
      const value = valueAt(file, keys);
      if (value === undefined || value === null || isObject(value)) return [];
      const found = Array.isArray(value) ? "a list" : `a ${typeof value}`;
      return [{ where: this.options.fileName, path: keys.join("."), found, expected: "an object" }];
    });
  }

  #toFaults(issues: z.core.$ZodIssue[], input: unknown, found: Map<string, Found>): Fault[] {
    return issues.flatMap((issue) => {
      const field = this.#fields.find(({ keys }) => keys.every((key, i) => key === issue.path[i]));
      const source = field && found.get(field.path);
      if (!field || !source) return [];
      const { secret, expected } = field;
      const isDefault = source === this.#defaults.get(field.path);
      return [{
        where: source.where,
        path: faultPath(field, issue.path, isDefault),
        found: secret ? HIDDEN : showValue(valueAt(input, issue.path)),
        expected,
      }];
    });
  }
}

/**
 * The file with its providers under the names we use, whatever alias or case they were written in.
 * Unknown names stay as they are.
 */
export function nameProviders(file: JsonObject, providers: readonly ProviderIdentity[]): JsonObject {
  if (!isObject(file.providers)) return file;
  const named = new Map<string, Json>();
  for (const [written, settings] of Object.entries(file.providers)) {
    const name = findProvider(providers, written)?.name ?? written;
    const other = named.get(name);
    // Written under two names, a provider has the members of both, and those under its proper name count.
    const [weak, strong] = written === name ? [other, settings] : [settings, other];
    if (isObject(weak) && isObject(strong)) named.set(name, mergePatch(weak, strong));
    else named.set(name, strong ?? weak ?? null);
  }
  return { ...file, providers: Object.fromEntries(named) };
}

/** What the file says about a setting. Empty texts mean nothing there, as with variables. */
function fileValue(field: Field, file: JsonObject): unknown {
  if (field.environmentOnly) return undefined;
  const raw = valueAt(file, field.keys);
  const value = typeof raw === "string" && field.kind !== "object" ? readText(field, raw) : raw;
  const isAbsent = value === null || value === "" ||
    field.ignoredInFile?.some((ignored) => ignored === value);
  return isAbsent ? undefined : value;
}

/** Path of a setting that a variable sets for all providers alike. */
function commonPath({ keys, envDefault, path }: Field, variable: string): string {
  return variable === envDefault ? keys.with(1, "*").join(".") : path;
}

/** Somebody may have put a key where a model's id belongs. */
const KEY_SHAPED = /^(sk-|sk_|pk_|hf_|r8_|rpa_|bfl_|ark-|ms-|AIza|ir-)\S{8,}$/;

/** Path of a fault in a setting. Below a secret not even the names of members are told: they may be keys too. */
function faultPath({ path, keys, secret }: Field, place: PropertyKey[], isDefault: boolean): string {
  if (isDefault) return keys.with(1, "*").join(".");
  return secret ? path : place.map((part) => String(part).replace(KEY_SHAPED, "…")).join(".");
}

function put(root: Record<string, unknown>, keys: string[], value: unknown): void {
  const [key, ...rest] = keys;
  if (key === undefined) return;
  if (rest.length === 0) root[key] = value;
  else put((root[key] ??= {}) as Record<string, unknown>, rest, value);
}

function unique(faults: Fault[]): Fault[] {
  return faults.filter((fault, i) =>
    i === faults.findIndex(({ where, path }) => where === fault.where && path === fault.path)
  );
}
