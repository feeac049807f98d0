/** The gallery: listing and search, one picture with all that made it, removal, repair and import. */
import { join, sep } from "node:path";
import { createRoute, z } from "@hono/zod-openapi";
import { Work, type WorkState } from "../../admin/work.ts";
import { isBlobName } from "../../platform/blob_names.ts";
import { HttpFault } from "../errors.ts";
import { rerunFrom } from "../v1/rerun.ts";
import type { Admin } from "./admin.ts";
import {
  badField,
  errors,
  isoTime,
  json,
  jsonBody,
  listingOf,
  newApi,
  noSuch,
  Paging,
  Time,
} from "./api_app.ts";
import { OldPictureSchema, PictureSchema, tellOldPicture, tellPicture } from "./picture_shapes.ts";

const tags = ["Admin: gallery"];
/** As many as are told to those who don't ask for pages. */
const WHOLE = 500;
const MOST_NAMES = 1000;
const Name = z.string().max(500).optional();
const Values = z.array(z.string());

const list = createRoute({
  method: "get",
  path: "/gallery",
  tags,
  summary: "Stored pictures, newest first",
  description: "With `limit` or `after` a page; without either, as img-router told them, the newest 500. " +
    "`q` is looked for in the prompts.",
  request: {
    query: Paging.extend({
      limit: z.coerce.number().int().min(1).max(200).optional(),
      provider: Name,
      model: Name,
      client: Name,
      task: Name,
      from: Time.optional(),
      to: Time.optional(),
    }),
  },
  responses: {
    200: json(z.union([listingOf(PictureSchema), z.array(OldPictureSchema)]), "The pictures."),
    ...errors(400, 401),
  },
});

const facets = createRoute({
  method: "get",
  path: "/gallery/facets",
  tags,
  summary: "Which providers, models, clients and tasks there are to filter by",
  responses: {
    200: json(
      z.object({ providers: Values, models: Values, clients: Values, tasks: Values }).openapi(
        "GalleryFacets",
      ),
      "In the order of the alphabet, 200 of each at most.",
    ),
    ...errors(401),
  },
});

const WorkSchema = z.object({
  state: z.enum(["never", "running", "done", "failed"]),
  startedAt: Time.optional(),
  endedAt: Time.optional(),
  counts: z.record(z.string(), z.int()),
  error: z.string().optional(),
}).openapi("GalleryWork");

const repairState = createRoute({
  method: "get",
  path: "/gallery/repair",
  tags,
  summary: "How the repair stands",
  responses: { 200: json(WorkSchema, "`counts` tell what was done."), ...errors(401) },
});

const repair = createRoute({
  method: "post",
  path: "/gallery/repair",
  tags,
  summary: "Make the gallery say what the folder holds",
  description:
    "With `thorough` every picture is looked after, and all are forgotten where the folder is empty.",
  request: {
    body: {
      required: false,
      content: { "application/json": { schema: z.object({ thorough: z.boolean().default(false) }) } },
    },
  },
  responses: { 202: json(WorkSchema, "It runs; GET tells how it stands."), ...errors(400, 401, 409) },
});

const importState = createRoute({
  method: "get",
  path: "/gallery/import",
  tags,
  summary: "How the import stands",
  responses: { 200: json(WorkSchema, "`counts` tell what was done."), ...errors(401) },
});

const importFolder = createRoute({
  method: "post",
  path: "/gallery/import",
  tags,
  summary: "Take over the pictures of a folder, such as img-router's data/storage",
  request: jsonBody(z.object({
    folder: z.string().min(1).max(1000).openapi({
      description: "Below the data folder, which is all that is read.",
    }),
  })),
  responses: { 202: json(WorkSchema, "It runs; GET tells how it stands."), ...errors(400, 401, 409) },
});

const one = createRoute({
  method: "get",
  path: "/gallery/{name}",
  tags,
  summary: "One picture, and what to run it again with",
  request: { params: z.object({ name: z.string().max(500) }) },
  responses: {
    200: json(
      PictureSchema.extend({
        hash: z.string().nullable().openapi({
          description: "SHA-256 of its bytes, once there was time for it.",
        }),
        rerun: z.object({
          body: z.record(z.string(), z.unknown()),
          inputs: z.int(),
          mask: z.boolean(),
        }).nullable().openapi({
          description:
            "The body of a request that makes one like it, and how many images and whether a mask " +
            "have to be given with it; null where it is not known.",
        }),
      }).openapi("GalleryPictureInFull"),
      "The picture.",
    ),
    ...errors(401, 404),
  },
});

const remove = createRoute({
  method: "delete",
  path: "/gallery",
  tags,
  summary: "Remove pictures, wherever parts of them are",
  request: jsonBody(z.object({ filenames: z.array(z.string()).min(1).max(MOST_NAMES) })),
  responses: {
    200: json(
      z.object({ ok: z.boolean(), deleted: Values, notDeleted: Values }),
      "`notDeleted`: there was none of that name, or a part of it could not be removed; the log tells.",
    ),
    ...errors(400, 401),
  },
});

/** The routes of the gallery. */
export function galleryRoutes(admin: Admin) {
  const { clock, pictureStore, housekeeping, pictureUrl, live, audit, stopping } = admin;
  const workOn = (job: string) =>
    new Work({ clock, onChange: ({ state }) => live.publish({ type: "jobs", job, state }) });
  const repairing = workOn("gallery.repair");
  const importing = workOn("gallery.import");
  return newApi()
    .openapi(list, async (c) => {
      const { from, to, limit, ...query } = c.req.valid("query");
      const filter = {
        ...query,
        from: from === undefined ? undefined : Date.parse(from),
        to: to === undefined ? undefined : Date.parse(to),
        signal: c.req.raw.signal,
      };
      if (limit === undefined && query.after === undefined) {
        const { data } = await pictureStore.list({ ...filter, limit: WHOLE });
        return c.json(data.map((picture) => tellOldPicture(picture, pictureUrl)), 200);
      }
      const { data, next } = await pictureStore.list({ ...filter, limit });
      return c.json({ data: data.map((picture) => tellPicture(picture, pictureUrl)), next }, 200);
    })
    .openapi(facets, async (c) => c.json(await admin.facets.pictures(), 200))
    .openapi(repairState, (c) => c.json(tellWork(repairing.state), 200))
    .openapi(repair, async (c) => {
      const { thorough } = c.req.valid("json") ?? {};
      begin(repairing, (onProgress) => housekeeping.repair({ thorough, signal: stopping, onProgress }));
      await audit.write({
        action: "gallery.repair",
        target: "gallery",
        detail: { thorough },
        who: c.get("admin").name,
      });
      return c.json(tellWork(repairing.state), 202);
    })
    .openapi(importState, (c) => c.json(tellWork(importing.state), 200))
    .openapi(importFolder, async (c) => {
      const { folder } = c.req.valid("json");
      const path = await insideOf(admin.settings.current.dataDir, folder);
      begin(importing, (onProgress) => admin.importPictures(path, { signal: stopping, onProgress }));
      await audit.write({ action: "gallery.import", target: folder, who: c.get("admin").name });
      return c.json(tellWork(importing.state), 202);
    })
    .openapi(one, async (c) => {
      const picture = await pictureStore.get(c.req.valid("param").name);
      if (!picture) throw noSuch("picture");
      const { hash, request } = picture;
      const rerun = request ? rerunFrom(request) : null;
      return c.json({ ...tellPicture(picture, pictureUrl), hash: hash || null, rerun }, 200);
    })
    .openapi(remove, async (c) => {
      const { filenames } = c.req.valid("json");
      const wrong = filenames.findIndex((name) => !isBlobName(name));
      if (wrong >= 0) throw badField(`filenames.${wrong}`, "is no name of a picture; nothing was removed");
      const deleted = (await housekeeping.remove([...new Set(filenames)])).map(({ name }) => name);
      const gone = new Set(deleted);
      const notDeleted = filenames.filter((name) => !gone.has(name));
      if (deleted.length > 0) live.publish({ type: "pictures" });
      await audit.write({
        action: "gallery.delete",
        target: `${deleted.length} pictures`,
        detail: { names: deleted.slice(0, 20) },
        who: c.get("admin").name,
      });
      return c.json({ ok: notDeleted.length === 0, deleted, notDeleted }, 200);
    });
}

function begin<C extends { [name in keyof C]: number }>(
  work: Work,
  run: (onProgress: (counts: C) => void) => Promise<C>,
): void {
  if (work.start(run)) return;
  throw new HttpFault(409, { message: "It runs already; wait for its end", code: "already_running" });
}

function tellWork(work: WorkState | undefined): z.infer<typeof WorkSchema> {
  if (!work) return { state: "never", counts: {} };
  const { startedAt, endedAt, ...rest } = work;
  return {
    ...rest,
    startedAt: isoTime(startedAt),
    endedAt: endedAt === undefined ? undefined : isoTime(endedAt),
  };
}

/** Where a folder really is. @throws HttpFault 400 unless that is below the data folder */
async function insideOf(dataDir: string, folder: string): Promise<string> {
  const refusal = badField("folder", "there is no such folder below the data folder; put it there first");
  try {
    const base = await Deno.realPath(dataDir);
    const path = await Deno.realPath(join(base, folder));
    if (!path.startsWith(base + sep) || !(await Deno.stat(path)).isDirectory) throw refusal;
    return path;
  } catch {
    throw refusal;
  }
}
