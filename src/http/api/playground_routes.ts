/**
 * The panel's playground: the same endpoints as clients have, for an admin who needs no key, whether or not
 * clients with gateway keys are served.
 */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Client } from "../../gateway/caller.ts";
import { documented } from "../documented.ts";
import type { Edge, EdgeContext, EdgeEnv } from "../edge.ts";
import { handleChat } from "../v1/chat.ts";
import { type Endpoint, handleImages } from "../v1/images.ts";
import { errors } from "./api_app.ts";

/** As the history names it. */
const PLAYGROUND: Client = { name: "playground", models: [], providers: [] };
/** Paints on this machine. */
const LAST_RESORT = "Mock";

const ENDPOINTS = ["generations", "edits", "variations", "blend"] as const satisfies Endpoint[];

/** The routes of the playground. */
export function playgroundRoutes(edge: Edge) {
  const api = new OpenAPIHono<EdgeEnv>();
  const add = (path: string, handle: (c: EdgeContext) => Promise<Response>) =>
    documented(api, {
      method: "post",
      path: `/playground/${path}`,
      tags: ["Admin: playground"],
      summary: `As /v1/${path}, for an admin`,
      description:
        "Takes and gives the same as the client API, as JSON; images as data URIs, base64 or links.",
      request: { body: { required: true, content: { "application/json": { schema: z.looseObject({}) } } } },
      responses: {
        200: {
          description: "Pictures, as JSON or, with `stream: true`, as server-sent events.",
          content: {
            "application/json": { schema: z.looseObject({}) },
            "text/event-stream": { schema: { type: "string" } },
          },
        },
        ...errors(400, 401, 403, 429),
      },
    }, (c) => {
      c.set("identity", { client: PLAYGROUND });
      c.set("lastResort", LAST_RESORT);
      return handle(c);
    });
  for (const endpoint of ENDPOINTS) add(`images/${endpoint}`, (c) => handleImages(c, edge, endpoint));
  add("chat/completions", (c) => handleChat(c, edge));
  return api;
}
