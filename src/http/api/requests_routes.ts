/** The history: which requests there were, and one of them with its attempts and its pictures. */
import { createRoute, z } from "@hono/zod-openapi";
import type { HistoryFilter } from "../../store/history_reader.ts";
import type { Admin } from "./admin.ts";
import { errors, json, listingOf, newApi, noSuch, Paging, Time } from "./api_app.ts";
import { PictureSchema, tellPicture } from "./picture_shapes.ts";
import { RequestSchema, tellRequest } from "./request_shapes.ts";

const tags = ["Admin: requests"];
const Name = z.string().max(500).optional();

const list = createRoute({
  method: "get",
  path: "/requests",
  tags,
  summary: "Requests with their attempts, newest first",
  description: "`q` is looked for in prompt, id, models, client and error.",
  request: {
    query: Paging.extend({
      provider: Name,
      model: Name.openapi({ description: "As asked for, or as used." }),
      client: Name,
      status: z.string().regex(/^(\d{3}|[1-5]xx|ok|failed)$/, "must be a status, 4xx, 5xx, ok or failed")
        .optional(),
      from: Time.optional(),
      to: Time.optional(),
    }),
  },
  responses: { 200: json(listingOf(RequestSchema), "One page."), ...errors(400, 401) },
});

const facets = createRoute({
  method: "get",
  path: "/requests/facets",
  tags,
  summary: "Which providers, models and clients there are to filter by",
  responses: {
    200: json(
      z.object({
        providers: z.array(z.string()),
        models: z.array(z.string()),
        clients: z.array(z.string()),
      }).openapi("RequestFacets"),
      "In the order of the alphabet, 200 of each at most.",
    ),
    ...errors(401),
  },
});

const one = createRoute({
  method: "get",
  path: "/requests/{id}",
  tags,
  summary: "One request with its attempts and the pictures that it made",
  request: { params: z.object({ id: z.string().max(500) }) },
  responses: {
    200: json(
      RequestSchema.extend({ pictures: z.array(PictureSchema) }).openapi("HistoryRequestInFull"),
      "The request.",
    ),
    ...errors(401, 404),
  },
});

/** The routes of the history. */
export function requestsRoutes(admin: Admin) {
  const { history, pictureStore, facets: facetsOf } = admin;
  return newApi()
    .openapi(list, async (c) => {
      const { status, from, to, ...query } = c.req.valid("query");
      await history.flush();
      const { data, next } = await history.list({
        ...query,
        ...status !== undefined && statusFilter(status),
        from: from && Date.parse(from) || undefined,
        to: to && Date.parse(to) || undefined,
        signal: c.req.raw.signal,
      });
      const attempts = await history.attemptsOf(data.map(({ id }) => id));
      return c.json(
        { data: data.map((request) => tellRequest(request, attempts.get(request.id))), next },
        200,
      );
    })
    .openapi(facets, async (c) => c.json(await facetsOf.requests(), 200))
    .openapi(one, async (c) => {
      await history.flush();
      const found = await history.get(c.req.valid("param").id);
      if (!found) throw noSuch("request");
      const { attempts, ...request } = found;
      const pictures = await pictureStore.ofRequest(request.id);
      return c.json({
        ...tellRequest(request, attempts),
        pictures: pictures.map((picture) => tellPicture(picture, admin.pictureUrl)),
      }, 200);
    });
}

function statusFilter(status: string): Pick<HistoryFilter, "status" | "failed"> {
  if (status === "ok") return { failed: false };
  if (status === "failed") return { failed: true };
  const hundreds = Number(status[0]) * 100;
  return { status: status.endsWith("xx") ? { from: hundreds, to: hundreds + 99 } : Number(status) };
}
