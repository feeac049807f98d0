/**
 * Changes of settings that are not saved yet. They lie beside what the gateway says, setting by setting: what
 * somebody else saves meanwhile shows at once, and takes nothing away from what was typed here.
 */
import { batch, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { api, ApiError, call } from "../api.ts";
import { language } from "../i18n.ts";
import { messageOf, type Resource } from "../resource.ts";
import { expectedOf, loadChineseNames } from "./names.ts";
import { settingTexts } from "./texts.ts";

/** Asks for all settings, and what they are called. @throws ApiError */
export async function readForm(signal?: AbortSignal) {
  const names = language.value === "zh" ? loadChineseNames() : undefined;
  const form = await call(api.settings.form.$get({}, { init: { signal } }));
  await names;
  return form;
}

/** All settings as the gateway tells them. */
export type SettingsForm = Awaited<ReturnType<typeof readForm>>;
/** One of them. */
export type SettingField = SettingsForm["fields"][number];

interface Change {
  /** `null`: none, or the default. */
  value: unknown;
  /** What the gateway said when the change began. */
  before: unknown;
}

/** Made by `createDraft()`. */
export interface Draft {
  changes: ReadonlySignal<ReadonlyMap<string, Change>>;
  /** By path; what belongs to no setting is at `""`. */
  errors: Signal<Readonly<Record<string, string>>>;
  busy: ReadonlySignal<boolean>;
  /** The value as it is to be shown. */
  valueOf(field: SettingField): unknown;
  /** @param value `null` takes it away, so that the default holds */
  set(field: SettingField, value: unknown): void;
  /** Takes back one change, or all. */
  undo(path?: string): void;
  /** Whether somebody else changed this one since it was changed here. */
  isContested(field: SettingField): boolean;
  /** Saves all; gives the settings that were saved, or nothing where the gateway refused. */
  save(form: Resource<SettingsForm>): Promise<SettingField[] | undefined>;
}

/** Makes an empty one. Pages keep theirs in a module, so that looking at another page loses nothing. */
export function createDraft(): Draft {
  const changes = signal<ReadonlyMap<string, Change>>(new Map());
  const errors = signal<Readonly<Record<string, string>>>({});
  const busy = signal(false);
  addEventListener("beforeunload", (event) => changes.peek().size > 0 && event.preventDefault());

  const forget = (paths: Iterable<string>) => {
    const left = new Map(changes.value);
    const others: Record<string, string> = { ...errors.value, "": "" };
    for (const path of paths) {
      left.delete(path);
      delete others[path];
    }
    changes.value = left;
    errors.value = others;
  };

  return {
    changes,
    errors,
    busy,
    valueOf(field) {
      const change = changes.value.get(field.path);
      if (!change) return shownText(field, field.value);
      // What was emptied to type another number must not fill itself again.
      if (change.value === null && field.kind === "number") return undefined;
      return change.value ?? shownText(field, field.default);
    },
    set(field, value) {
      const { path } = field;
      const meant = value === undefined || value === "" && field.default === undefined ? null : value;
      const before = changes.value.get(path)?.before ?? field.value ?? null;
      const isBack = same(meant, shownText(field, field.value) ?? null);
      batch(() => {
        forget([path]);
        if (!isBack) changes.value = new Map(changes.value).set(path, { value: meant, before });
      });
    },
    undo(path) {
      batch(() => forget(path === undefined ? changes.value.keys() : [path]));
    },
    isContested(field) {
      const change = changes.value.get(field.path);
      return change !== undefined && !same(change.before, field.value ?? null);
    },
    async save(form) {
      const { fields = [], revision = "" } = form.data.value ?? {};
      const sent = changes.value;
      const changed = fields.filter(({ path }) => sent.has(path));
      const unreadable = changed.filter((field) => isUnreadable(field, sent.get(field.path)!.value));
      errors.value = Object.fromEntries(unreadable.map(({ path }) => [path, settingTexts().json]));
      if (unreadable.length > 0) return undefined;
      busy.value = true;
      try {
        await call(api["runtime-config"].$post({
          json: patchOf(changed, sent),
          header: { "if-match": `"${revision}"` },
        }));
        const now = await readForm();
        batch(() => {
          form.data.value = now;
          forget(sent.keys());
        });
        return changed;
      } catch (error) {
        errors.value = errorsOf(error, fields);
        if (error instanceof ApiError && error.status === 412) form.reload();
        return undefined;
      } finally {
        busy.value = false;
      }
    },
  };
}

/** Settings that are objects are changed as text. */
function shownText({ kind }: SettingField, value: unknown): unknown {
  return kind === "object" && value !== undefined ? JSON.stringify(value, null, 2) : value;
}

function isUnreadable({ kind }: SettingField, value: unknown): boolean {
  return kind === "object" && value !== null && !isMembers(parsed(value));
}

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text));
  } catch {
    return undefined;
  }
}

/** The changes as members of the file. */
function patchOf(changed: SettingField[], changes: ReadonlyMap<string, Change>): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const { path, kind, value: stored } of changed) {
    const { value } = changes.get(path)!;
    const keys = path.split(".");
    const last = keys.pop()!;
    let members = patch;
    for (const key of keys) members = (members[key] ??= {}) as Record<string, unknown>;
    members[last] = kind === "object" && value !== null ? replacing(stored, parsed(value)) : value;
  }
  return patch;
}

/** Members that are merged keep what they do not name: what is gone is named with `null`. */
function replacing(before: unknown, after: unknown): unknown {
  if (!isMembers(before) || !isMembers(after)) return after;
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name));
  return {
    ...Object.fromEntries(gone.map((name) => [name, null])),
    ...Object.fromEntries(
      Object.entries(after).map(([name, value]) => [name, replacing(before[name], value)]),
    ),
  };
}

function isMembers(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What the gateway refused, each at its setting. */
function errorsOf(error: unknown, fields: readonly SettingField[]): Record<string, string> {
  const t = settingTexts();
  if (!(error instanceof ApiError)) return { "": messageOf(error) };
  if (error.status === 412) return { "": t.stale };
  const named = fields.filter(({ path }) => namesPath(error, path));
  if (named.length === 0) return { "": messageOf(error) };
  return Object.fromEntries(named.map(({ path, expected }) => {
    const told = new RegExp(`${RegExp.escape(path)}[^ ]*: found .*?, expected ([^;]+)`).exec(error.message)
      ?.[1];
    return [
      path,
      error.code === "invalid_settings" ? t.wrong(expectedOf(told ?? expected)) : messageOf(error),
    ];
  }));
}

/** Whether an error is about a setting or something in it: all faults are in the message, the first is `param`. */
function namesPath({ param = "", message }: ApiError, path: string): boolean {
  return param === path || param.startsWith(`${path}.`) ||
    message.split("; ").some((fault) => fault.startsWith(`${path}:`) || fault.startsWith(`${path}.`));
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** How many of them were meanwhile changed elsewhere, too. */
export function contested(draft: Draft, fields: readonly SettingField[]): number {
  return fields.filter((field) => draft.isContested(field)).length;
}
