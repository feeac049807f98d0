/** The settings: as img-router's scripts read and write them, as a form, and as a file to keep. */
import { createRoute, z } from "@hono/zod-openapi";
import { fixedSettings, readImport } from "../../admin/settings_change.ts";
import { formOf } from "../../admin/settings_form.ts";
import { shownSettings, withoutSecrets } from "../../admin/settings_mask.ts";
import { describeFault } from "../../config/fault.ts";
import { isObject, type JsonObject, valueAt } from "../../config/json_object.ts";
import { SETTINGS_FILE } from "../../config/settings_file.ts";
import type { Admin } from "./admin.ts";
import { type ApiContext, badField, errors, json, jsonBody, newApi } from "./api_app.ts";
import { ConfigReply, configReply } from "./config_reply.ts";
import { confirmPassword } from "./password_attempt.ts";
import { saveChange, saveSent } from "./save_settings.ts";

const tags = ["Admin: settings"];
const Members = z.record(z.string(), z.unknown());
const Fixed = z.array(z.object({ path: z.string(), variable: z.string() }));
const IfMatch = z.object({
  "if-match": z.string().optional().openapi({ description: "The `ETag` of the settings that were changed." }),
});
const Ok = z.object({ ok: z.literal(true) });
const saved = json(
  Ok.extend({
    runtimeConfig: Members,
    composeSync: z.null(),
    revision: z.string(),
    changed: z.array(z.string()),
    fixed: Fixed,
  }).openapi("SavedSettings"),
  "Saved and in force.",
);

const info = createRoute({
  method: "get",
  path: "/info",
  tags,
  summary: "Name and version",
  responses: {
    200: json(
      z.object({ service: z.string(), version: z.string(), docs: z.string(), ui: z.string() }),
      "About this gateway.",
    ),
    ...errors(401),
  },
});

const config = createRoute({
  method: "get",
  path: "/config",
  tags,
  summary: "Providers, their models, and the settings",
  responses: { 200: json(ConfigReply, "What there is."), ...errors(401) },
});

const readSettings = createRoute({
  method: "get",
  path: "/runtime-config",
  tags,
  summary: "The settings in force; secrets are masked",
  responses: {
    200: {
      ...json(Members, "The settings."),
      headers: z.object({ etag: z.string().openapi({ description: "For `If-Match` of the change." }) }),
    },
    ...errors(401),
  },
});

/** Members as they leave: what JSON can say, which the types of replies need not know. */
type Shown = Record<string, unknown>;

const TASKS = ["text", "edit", "blend"] as const;
const changeSettings = createRoute({
  method: "post",
  path: "/runtime-config",
  tags,
  summary: "Change settings",
  description: "Members are merged; `null` removes one, and so does an empty text for a secret. " +
    "What is sent as GET showed it is left as it is, masks of secrets too. " +
    "Or `{provider, enabled}` and `{provider, task, defaults}`, which replaces the defaults of one task.",
  request: {
    headers: IfMatch,
    ...jsonBody(z.looseObject({
      provider: z.string().optional(),
      enabled: z.boolean().optional(),
      task: z.enum(TASKS).optional(),
      defaults: Members.optional(),
    })),
  },
  responses: { 200: saved, ...errors(400, 401, 409, 412) },
});

const form = createRoute({
  method: "get",
  path: "/settings/form",
  tags,
  summary: "All settings with their names, choices, values, and who fixes them",
  responses: {
    200: json(
      z.object({
        revision: z.string(),
        faults: z.array(z.string()).openapi({
          description: "What is wrong with the file as it stands; the last good settings are in force.",
        }),
        fields: z.array(
          z.object({
            path: z.string(),
            title: z.string(),
            description: z.string(),
            kind: z.enum(["boolean", "number", "text", "list", "object"]),
            options: z.array(z.string()).optional(),
            expected: z.string(),
            default: z.unknown().optional(),
            value: z.unknown().optional(),
            origin: z.enum(["environment", "file", "default"]),
            variables: z.array(z.string()),
            fixedBy: z.string().optional(),
            environmentOnly: z.boolean(),
            secret: z.boolean(),
            restart: z.boolean(),
          }).openapi("SettingsField"),
        ),
      }),
      "The form.",
    ),
    ...errors(401),
  },
});

const exportSettings = createRoute({
  method: "get",
  path: "/settings/export",
  tags,
  summary: "The settings file without secrets",
  responses: { 200: json(Members, "A file that can be imported."), ...errors(401) },
});

const exportAll = createRoute({
  method: "post",
  path: "/settings/export",
  tags,
  summary: "The settings file with its secrets, for who gives the password once more",
  request: jsonBody(z.object({ password: z.string().max(1024) })),
  responses: { 200: json(Members, "A file that can be imported."), ...errors(400, 401, 429) },
});

const importSettings = createRoute({
  method: "post",
  path: "/settings/import",
  tags,
  summary: "Take over a settings file, ours or img-router's",
  request: {
    headers: IfMatch,
    ...jsonBody(z.object({ settings: Members, dryRun: z.boolean().default(false) })),
  },
  responses: {
    200: json(
      Ok.extend({
        revision: z.string(),
        changed: z.array(z.string()),
        skipped: Fixed.openapi({
          description: "What the environment fixes, and the file would have changed.",
        }),
      }),
      "What was changed, or would be.",
    ),
    ...errors(400, 401, 409, 412),
  },
});

const readOptimizer = createRoute({
  method: "get",
  path: "/config/prompt-optimizer",
  tags,
  summary: "The prompt optimizer's settings; its key is masked",
  responses: { 200: json(Members, "The settings."), ...errors(401) },
});

const changeOptimizer = createRoute({
  method: "post",
  path: "/config/prompt-optimizer",
  tags,
  summary: "Change the prompt optimizer's settings",
  request: { headers: IfMatch, ...jsonBody(Members) },
  responses: { 200: json(Ok, "Saved and in force."), ...errors(400, 401, 409, 412) },
});

const readSpaces = createRoute({
  method: "get",
  path: "/config/hf-map",
  tags,
  summary: "Addresses of Spaces by model",
  responses: { 200: json(Members, "The map."), ...errors(401) },
});

const changeSpaces = createRoute({
  method: "post",
  path: "/config/hf-map",
  tags,
  summary: "Replace the addresses of Spaces by model",
  request: { headers: IfMatch, ...jsonBody(Members) },
  responses: { 200: json(Ok, "Saved and in force."), ...errors(400, 401, 409, 412) },
});

/** The routes of the settings. */
export function settingsRoutes(admin: Admin) {
  const { settings, audit, version } = admin;

  const shown = (): Shown => shownSettings(settings);

  function download(c: ApiContext) {
    c.header("content-disposition", `attachment; filename="${SETTINGS_FILE}"`);
  }

  return newApi()
    .openapi(
      info,
      (c) => c.json({ service: "ImgRouter", version: `v${version}`, docs: "/docs", ui: "/admin" }, 200),
    )
    .openapi(config, (c) => c.json(configReply(admin), 200))
    .openapi(readSettings, (c) => {
      c.header("etag", `"${settings.revision}"`);
      return c.json(shown(), 200);
    })
    .openapi(changeSettings, async (c) => {
      const sent = c.req.valid("json");
      const { revision, changed } = await saveSent(
        c,
        admin,
        sent.provider === undefined ? ours(sent) : ofProvider(sent),
      );
      c.header("etag", `"${revision}"`);
      return c.json({
        ok: true as const,
        runtimeConfig: shown(),
        composeSync: null,
        revision,
        changed,
        fixed: fixedSettings(settings),
      }, 200);
    })
    .openapi(form, (c) => {
      const { revision, lastFaults } = settings;
      c.header("etag", `"${revision}"`);
      return c.json({ revision, faults: lastFaults.map(describeFault), fields: formOf(settings) }, 200);
    })
    .openapi(exportSettings, (c) => {
      download(c);
      const members: Shown = withoutSecrets(settings);
      return c.json(members, 200);
    })
    .openapi(exportAll, async (c) => {
      await confirmPassword(c, admin, c.req.valid("json").password);
      await audit.write({ action: "settings.export", target: SETTINGS_FILE, who: c.get("admin").name });
      download(c);
      const members: Shown = settings.file;
      return c.json(members, 200);
    })
    .openapi(importSettings, async (c) => {
      const { settings: file, dryRun } = c.req.valid("json");
      const change = readImport(file as JsonObject, settings);
      const revision = dryRun ? settings.revision : await saveChange(c, admin, change, "settings.import");
      return c.json({ ok: true as const, revision, changed: change.changed, skipped: change.fixed }, 200);
    })
    .openapi(readOptimizer, (c) => c.json(memberOf(shown(), "promptOptimizer"), 200))
    .openapi(changeOptimizer, async (c) => {
      await saveSent(c, admin, { promptOptimizer: c.req.valid("json") as JsonObject });
      return c.json({ ok: true as const }, 200);
    })
    .openapi(readSpaces, (c) => c.json(memberOf(shown(), "hfModelMap"), 200))
    .openapi(changeSpaces, async (c) => {
      const sent = c.req.valid("json") as JsonObject;
      const gone = Object.keys(memberOf(settings.file, "hfModelMap")).filter((model) =>
        !Object.hasOwn(sent, model)
      );
      await saveSent(c, admin, {
        hfModelMap: { ...Object.fromEntries(gone.map((model) => [model, null])), ...sent },
      });
      return c.json({ ok: true as const }, 200);
    });

  /** `{provider, enabled}` and `{provider, task, defaults}` as members of the file. */
  function ofProvider(
    { provider, enabled, task, defaults }: {
      provider?: string;
      enabled?: boolean;
      task?: typeof TASKS[number];
      defaults?: z.infer<typeof Members>;
    },
  ): JsonObject {
    const [name = ""] = Object.keys(
      memberOf(settings.named({ providers: { [provider ?? ""]: {} } }), "providers"),
    );
    if (!Object.hasOwn(settings.current.providers, name)) {
      throw badField("provider", "There is no such provider", "unknown_provider");
    }
    if (task === undefined && enabled === undefined) {
      throw badField("task", "Say 'enabled', or 'task' and 'defaults'");
    }
    if (task !== undefined && defaults === undefined) throw badField("defaults", "Say what the defaults are");
    const block = task === undefined ? {} : { [task]: { ...NO_DEFAULTS, ...defaults as JsonObject } };
    return { providers: { [name]: { ...enabled === undefined ? {} : { enabled }, ...block } } };
  }
}

/** A task's defaults are replaced as a whole, but not its aliases: img-router's form does not send those. */
const NO_DEFAULTS: JsonObject = {
  model: null,
  size: null,
  quality: null,
  n: null,
  steps: null,
  weight: null,
  promptOptimizer: null,
};

/** What is sent for one provider is no member of the file. */
function ours({ enabled: _, task: __, defaults: ___, ...members }: Record<string, unknown>): JsonObject {
  return members as JsonObject;
}

function memberOf(members: Shown, name: string): Shown {
  const value = valueAt(members, [name]);
  return isObject(value) ? value : {};
}
