/** The settings as a form is made of them: each with its name, its choices, its value and who fixes it. */
import { variablesOf } from "../config/fields.ts";
import type { Settings } from "../config/settings.ts";
import { shownValue } from "./settings_mask.ts";

/** One setting of the form. */
export interface FormField {
  /** Where it stands in the file: `system.port`. */
  path: string;
  title: string;
  description: string;
  kind: "boolean" | "number" | "text" | "list" | "object";
  options?: string[];
  /** What is allowed, in words. */
  expected: string;
  default?: unknown;
  /** Masked where it is secret; absent = none. */
  value?: unknown;
  origin: "environment" | "file" | "default";
  /** Variables that can set it. */
  variables: string[];
  /** The variable that does. */
  fixedBy?: string;
  /** Whether only the environment can set it. */
  environmentOnly: boolean;
  secret: boolean;
  /** Whether a change takes effect at the next start. */
  restart: boolean;
}

/** All settings, in the order of the schema. */
export function formOf(settings: Settings): FormField[] {
  return settings.fields.filter(({ path }) => path !== "keyPools").map((field) => ({
    path: field.path,
    title: field.title,
    description: field.description,
    kind: field.kind,
    options: field.options,
    expected: field.expected,
    default: field.secret ? undefined : field.default,
    value: shownValue(field, settings),
    origin: settings.origins[field.path] ?? "default",
    variables: variablesOf(field),
    fixedBy: settings.fixed.get(field.path),
    environmentOnly: field.environmentOnly ?? false,
    secret: field.secret ?? false,
    restart: field.restart ?? false,
  }));
}
