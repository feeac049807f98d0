/**
 * The settings of a running gateway: read by everyone, changed from the panel or by hand in the file, and
 * never replaced by something faulty.
 */
import { dirname } from "node:path";
import { type Clock, systemClock } from "../core/clock.ts";
import { writeAtomic } from "../platform/atomic_file.ts";
import { describeFault, type Fault } from "./fault.ts";
import type { Field } from "./fields.ts";
import { nameProviders, type Origins } from "./interpreter.ts";
import { type JsonObject, mergePatch, toFileText } from "./json_object.ts";
import type { Loaded } from "./load.ts";
import type { Config } from "./schema.ts";
import { type Parsed, parseSettings, readIfThere, revisionOf } from "./settings_file.ts";

/** Somebody saved in between. */
export class StaleRevision extends Error {
  /** @param revision the present one. */
  constructor(readonly revision: string) {
    super("Cannot save settings: they were changed in the meantime; read them again first");
    this.name = "StaleRevision";
  }
}

/** The settings would be faulty after the change. */
export class SettingsRejected extends Error {
  /** @param faults what is wrong, fit to be shown. */
  constructor(readonly faults: Fault[]) {
    super(`Cannot save settings: ${faults.map(describeFault).join("; ")}`);
    this.name = "SettingsRejected";
  }
}

/** The file on disk can't be read as JSON, so that saving would destroy what somebody wrote. */
export class SettingsDamaged extends Error {
  /** @param faults what is wrong, fit to be shown. */
  constructor(readonly faults: Fault[]) {
    super(`Cannot save settings: ${faults.map(describeFault).join("; ")}`);
    this.name = "SettingsDamaged";
  }
}

/** A change: members to merge (`null` removes one), or a function that changes the file's members in place. */
export type Change = JsonObject | ((file: JsonObject) => void);

/** Is told the new settings and those before. Must not throw: the change has been made by then. */
export type Listener = (config: Config, before: Config) => void;

/** What `watch()` may be told. */
export interface WatchOptions {
  /** Is told what is wrong with an edit; the last good settings stay. */
  onFault?: (faults: Fault[]) => void;
  clock?: Clock;
  /** How long after a look at the file comes the next, in ms. An edit is taken over after two. @default 400 */
  lookMs?: number;
}

/** Live settings over one file. */
export class Settings {
  #loaded: Loaded;
  #lastFaults: Fault[] = [];
  #seen: string;
  #queue: Promise<unknown> = Promise.resolve();
  readonly #listeners = new Set<Listener>();

  /** @param loaded what `loadConfig()` gave. */
  constructor(loaded: Loaded) {
    this.#loaded = loaded;
    this.#seen = loaded.revision;
  }

  /** The settings in force. */
  get current(): Config {
    return this.#loaded.config;
  }

  /** Where each setting comes from, by its path. */
  get origins(): Origins {
    return this.#loaded.origins;
  }

  /** All settings there are. */
  get fields(): readonly Field[] {
    return this.#loaded.interpreter.fields;
  }

  /** The variable that fixes a setting, by the setting's path. */
  get fixed(): ReadonlyMap<string, string> {
    return this.#loaded.interpreter.fixed;
  }

  /** What the file says, unknown members included, with its providers under the names we use. */
  get file(): JsonObject {
    return this.named(this.#loaded.file);
  }

  /** Members for the file with the providers in them under the names we use. */
  named(members: JsonObject): JsonObject {
    return nameProviders(members, this.#loaded.providers);
  }

  /** State of the file that is in force; it changes with every change. */
  get revision(): string {
    return this.#loaded.revision;
  }

  /** What is wrong with the file as it stands, if it was edited badly; empty otherwise. */
  get lastFaults(): Fault[] {
    return this.#lastFaults;
  }

  /** Calls a function after each change, until it is disposed of. */
  subscribe(listener: Listener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /**
   * Changes the file and puts it in force; members that we don't know stay. Gives the new revision.
   * @param options.ifRevision the state that the change was made for; absent = any.
   * @throws StaleRevision, SettingsRejected, SettingsDamaged; the file is untouched then.
   */
  update(change: Change, { ifRevision }: { ifRevision?: string } = {}): Promise<string> {
    return this.#alone(async () => {
      const { path, where, providers, interpreter } = this.#loaded;
      const text = await readIfThere(path);
      // A file that was taken away is written again as it was, rather than from nothing.
      const revision = text === undefined ? this.revision : revisionOf(text);
      if (ifRevision !== undefined && ifRevision !== revision) throw new StaleRevision(revision);
      const parsed = text === undefined
        ? { ok: true, file: this.#loaded.file } as const
        : parseSettings(text, where);
      if (!parsed.ok) throw new SettingsDamaged(parsed.faults);

      const changed = applyChange(nameProviders(parsed.file, providers), change);
      const file = nameProviders(changed, providers);
      const read = interpreter.read(file);
      if (!read.ok) throw new SettingsRejected(read.faults);
      const next = toFileText(file);
      await Deno.mkdir(dirname(path), { recursive: true });
      await writeAtomic(path, next, { mode: text === undefined ? 0o600 : undefined });
      this.#adopt({ ...this.#loaded, ...read, file, revision: revisionOf(next) });
      return this.revision;
    });
  }

  /** Takes over what the file says now; gives its faults, if it can't be. */
  reload(): Promise<Fault[]> {
    return this.#alone(async () => {
      await this.#reload();
      return this.lastFaults;
    });
  }

  /** Runs work that changes the file itself while nothing else does, then takes over what it left there. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#alone(async () => {
      const result = await work();
      await this.#reload();
      return result;
    });
  }

  /**
   * Takes over edits of the file until the signal aborts. It is looked at again and again: notifications don't come
   * from network drives and some containers' mounts, and those of a folder come with each write of a database in it.
   */
  async watch(
    signal: AbortSignal,
    { onFault = () => {}, clock = systemClock, lookMs = 400 }: WatchOptions = {},
  ): Promise<void> {
    const { path } = this.#loaded;
    // Not waited for: what a listener throws is reported as unhandled, and ends no watching.
    const reload = () => void this.#alone(() => this.#reload(onFault));
    let before: string | undefined;
    let taken: string | undefined;
    while (!signal.aborted) {
      const state = await stateOf(path);
      // Between two equal looks nobody was writing.
      if (state === before && state !== taken) {
        taken = state;
        reload();
      }
      before = state;
      await clock.sleep(lookMs, signal).catch(() => {});
    }
    await this.#queue;
  }

  /** Reads the file again unless it is in the state that was seen last: our own write, or an edit refused before. */
  async #reload(onFault: (faults: Fault[]) => void = () => {}): Promise<void> {
    const { path, where, interpreter } = this.#loaded;
    const text = await readIfThere(path).catch(() => null);
    const revision = text === null ? "unreadable" : revisionOf(text);
    if (revision === this.#seen) return;
    this.#seen = revision;
    const parsed = typeof text === "string" ? parseSettings(text, where) : lost(where, text);
    const read = parsed.ok ? interpreter.read(parsed.file) : parsed;
    if (parsed.ok && read.ok) return this.#adopt({ ...this.#loaded, ...read, file: parsed.file, revision });
    this.#lastFaults = read.ok ? [] : read.faults;
    onFault(this.#lastFaults);
  }

  #adopt(loaded: Loaded): void {
    const before = this.current;
    this.#loaded = loaded;
    this.#seen = loaded.revision;
    this.#lastFaults = [];
    for (const listener of [...this.#listeners]) listener(loaded.config, before);
  }

  /** One after the other: two changes at once would each lose the other's. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

/** Differs for each state that a file is left in. */
async function stateOf(path: string): Promise<string> {
  try {
    const { ino, size, mtime } = await Deno.stat(path);
    return `${ino} ${size} ${mtime?.getTime()}`;
  } catch (error) {
    return error instanceof Error ? error.name : "unreadable";
  }
}

/** What is wrong where there is no file (`undefined`), or one that can't be read (`null`). */
function lost(where: string, text: undefined | null): Parsed {
  const [found, expected] = text === undefined
    ? ["no file", "a file; the last settings stay in force, and the next change writes them again"]
    : ["a file that can't be read", "a readable file; the last settings stay in force"];
  return { ok: false, faults: [{ where, path: "", found, expected }] };
}

function applyChange(file: JsonObject, change: Change): JsonObject {
  if (typeof change !== "function") return mergePatch(file, change);
  const copy = structuredClone(file);
  change(copy);
  return copy;
}
