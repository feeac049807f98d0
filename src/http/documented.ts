/** Routes that describe themselves: what is registered here runs, and what runs is in `/openapi.json`. */
import { type OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { EdgeContext, EdgeEnv } from "./edge.ts";

/** The app that routes are added to. */
export type EdgeApp = OpenAPIHono<EdgeEnv>;

/** Adds a route together with its description. Bodies are read by the route itself, as a stream. */
export function documented(
  app: EdgeApp,
  route: RouteConfig,
  handler: (c: EdgeContext) => Response | Promise<Response>,
): void {
  app.openAPIRegistry.registerPath(route);
  app.on(route.method, route.path.replace(/\{(\w+)\}/g, ":$1"), handler);
}

const ErrorSchema = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.string().nullable(),
  }),
}).openapi("Error");

const errors = (description: string) => ({
  description,
  content: { "application/json": { schema: ErrorSchema } },
});

/** The errors that any route of the client API may answer with. */
export const errorResponses = {
  400: errors(
    "The request can't be understood, asks for what no model does, or was refused by moderation; `param` names the field.",
  ),
  401: errors("No key, or one that nobody knows."),
  403: errors("The mode of this key is off, or the key may not do this."),
  404: errors("No such model."),
  413: errors("The body is too large."),
  429: errors("Everybody who could do it is limiting the rate; `retry-after` tells how long."),
  502: errors("A provider answered with something that is not an image."),
  503: errors("No provider delivered; the message names each attempt."),
  504: errors("No provider answered in time."),
};
