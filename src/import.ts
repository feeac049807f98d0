/**
 * `deno task import FILE|FOLDER`: takes over the settings and keys of a `runtime-config.json`, the pictures of a
 * folder, or all of img-router's folder. The gateway may run meanwhile.
 */
import { join, resolve } from "node:path";
import { importFolder } from "./admin/import_folder.ts";
import { addLegacyKeys, IDENTITIES } from "./app.ts";
import { describeFault } from "./config/fault.ts";
import { takeKeys } from "./config/legacy_keys.ts";
import { loadConfig, type Loaded } from "./config/load.ts";
import { mergePatch } from "./config/json_object.ts";
import { Settings, SettingsRejected } from "./config/settings.ts";
import { parseSettings, SETTINGS_FILE } from "./config/settings_file.ts";
import { bucketOf } from "./config/storage_target.ts";
import { type Clock, systemClock } from "./core/clock.ts";
import { createLocalBlobs } from "./platform/blobs_local.ts";
import { sqliteDialect } from "./platform/sqlite.ts";
import { type Database, openDatabase } from "./store/database.ts";
import { createKeyStore } from "./store/keys.ts";
import { createPictureStore } from "./store/pictures.ts";
import { createVault, loadSecretKey } from "./store/secrets.ts";

/** What an import takes. */
export interface ImportRun {
  /** A settings file, a folder of pictures, or a folder with either in the places where img-router has them. */
  path: string;
  /** What the gateway is configured with. */
  loaded: Loaded;
  /** Is told each step, and whatever goes wrong with one picture. */
  print: (line: string) => void;
  clock?: Clock;
}

/** Imports. @throws Error if there is nothing to import, or what there is can't be taken over */
export async function runImport({ path, loaded, print, clock = systemClock }: ImportRun): Promise<void> {
  const { settings, pictures } = await partsOf(path);
  const { dataDir } = loaded.config;
  await Deno.mkdir(dataDir, { recursive: true });
  await using db = await openDatabase(sqliteDialect(join(dataDir, "imgrouter.db")));
  if (settings !== undefined) await importSettings(settings, { loaded, print, clock, db });
  if (pictures === undefined) return;
  const folder = join(dataDir, "storage");
  const { imported, known, unreadable } = await importFolder(pictures, {
    clock,
    folder,
    store: createPictureStore(db),
    blobs: createLocalBlobs(folder),
    uploadWanted: () => bucketOf(loaded.config.storage) !== undefined,
    onError: (error, name) =>
      print(`  ${JSON.stringify(name)}: ${error instanceof Error ? error.message : error}`),
  });
  print(`Pictures: ${imported} imported, ${known} known already, ${unreadable} other files left out`);
}

async function importSettings(
  path: string,
  { loaded, print, clock, db }: Required<Omit<ImportRun, "path">> & { db: Database },
): Promise<void> {
  if (resolve(path) === resolve(loaded.path)) throw new Error(`Cannot import ${path}: it is the file in use`);
  const parsed = parseSettings(await Deno.readTextFile(path), path);
  if (!parsed.ok) throw new Error(`Cannot import: ${parsed.faults.map(describeFault).join("; ")}`);
  const { entries, rest: { keyPools: _, ...rest } } = takeKeys(parsed.file, IDENTITIES);
  const merged = loaded.interpreter.read(mergePatch(loaded.file, rest));
  if (!merged.ok) throw new SettingsRejected(merged.faults);
  const { dataDir, secretKey } = loaded.config;
  const vault = await createVault(await loadSecretKey({ dataDir, fromEnvironment: secretKey }));
  // Keys first: a gateway that runs looks for them when it notices the change of its settings.
  await addLegacyKeys(createKeyStore(db, vault, { clock }), entries, clock.now());
  await new Settings(loaded).update(rest);
  print(`Settings: merged into ${loaded.where}; keys: ${entries.length} found`);
  for (const { name, provider } of entries.filter((entry) => entry.needsBaseUrl)) {
    print(`  ${name} of ${provider} is disabled until somebody says where it belongs`);
  }
}

/** What there is to import at a path. */
async function partsOf(path: string): Promise<{ settings?: string; pictures?: string }> {
  const info = await Deno.stat(path).catch((cause) => {
    throw new Error(`Cannot import ${path}: there is no such file or folder, or it can't be read`, { cause });
  });
  if (info.isFile) return { settings: path };
  const settings = await firstOf(path, ["data", "."].map((folder) => join(folder, SETTINGS_FILE)), "isFile");
  const pictures = await firstOf(path, [join("data", "storage"), "storage"], "isDirectory");
  return { settings, pictures: pictures ?? (settings === undefined ? path : undefined) };
}

async function firstOf(
  folder: string,
  names: string[],
  kind: "isFile" | "isDirectory",
): Promise<string | undefined> {
  for (const path of names.map((name) => join(folder, name))) {
    const info = await Deno.stat(path).catch(() => undefined);
    if (info?.[kind]) return path;
  }
}

if (import.meta.main) {
  const [path, ...more] = Deno.args;
  const loaded = await loadConfig({ providers: IDENTITIES });
  if (!loaded.ok) {
    for (const fault of loaded.faults) console.error(describeFault(fault));
    Deno.exit(2);
  }
  if (path === undefined || more.length > 0) {
    console.error("Usage: deno task import FILE|FOLDER");
    Deno.exit(2);
  }
  try {
    await runImport({ path, loaded, print: console.log });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
  Deno.exit(0);
}
