/** Every change of a setting that comes over HTTP is saved in one way: told where it is stale, fixed or faulty. */
import { readChange, type SettingsChange } from "../../admin/settings_change.ts";
import type { JsonObject } from "../../config/json_object.ts";
import { SettingsDamaged, SettingsRejected, StaleRevision } from "../../config/settings.ts";
import { SETTINGS_FILE } from "../../config/settings_file.ts";
import { HttpFault } from "../errors.ts";
import type { Admin } from "./admin.ts";
import type { ApiContext } from "./api_app.ts";

/**
 * Saves members that somebody sent, for the revision in `If-Match` where there is one.
 * @throws HttpFault 409 where the environment fixes one of them, 412 where somebody saved in between, 400 where
 * the settings would be faulty
 */
export async function saveSent(
  c: ApiContext,
  admin: Admin,
  members: JsonObject,
  action = "settings.change",
): Promise<{ revision: string; changed: string[] }> {
  const change = readChange(members, admin.settings);
  const [first] = change.fixed;
  if (first) {
    throw new HttpFault(409, {
      message: `${first.path} is fixed by ${first.variable}; change it there, or take the variable away`,
      code: "fixed_by_environment",
      param: first.path,
    });
  }
  return { revision: await saveChange(c, admin, change, action), changed: change.changed };
}

/** Saves a change under the caller's name; one that changes nothing is not saved. @throws HttpFault */
export async function saveChange(
  c: ApiContext,
  { settings, audit }: Admin,
  { patch, changed }: SettingsChange,
  action: string,
): Promise<string> {
  const ifRevision = revisionIn(c.req.header("if-match"));
  if (changed.length === 0 && ifRevision === undefined) return settings.revision;
  const revision = await settings.update(patch, { ifRevision }).catch((error) => {
    throw refusal(error);
  });
  if (changed.length > 0) {
    await audit.write({ action, target: SETTINGS_FILE, detail: { changed }, who: c.get("admin").name });
  }
  return revision;
}

/** The revision that a change was made for; `*` and nothing mean any. */
function revisionIn(ifMatch: string | undefined): string | undefined {
  return ifMatch === undefined || ifMatch.trim() === "*"
    ? undefined
    : ifMatch.trim().replace(/^W\//, "").replace(/^"|"$/g, "");
}

function refusal(error: unknown): unknown {
  if (error instanceof StaleRevision) {
    return new HttpFault(412, {
      message: "Somebody saved settings in the meantime; read them again and repeat the change",
      code: "stale_revision",
    }, { etag: `"${error.revision}"` });
  }
  if (error instanceof SettingsRejected) {
    return new HttpFault(400, {
      message: error.faults.map(({ path, found, expected }) =>
        `${path}: found ${found}, expected ${expected}`
      )
        .join("; "),
      code: "invalid_settings",
      param: error.faults[0]?.path ?? null,
    });
  }
  if (error instanceof SettingsDamaged) {
    return new HttpFault(409, { message: error.message, code: "settings_damaged" });
  }
  return error;
}
