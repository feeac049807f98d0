/** Whether there is a newer version. */
import { createRoute, z } from "@hono/zod-openapi";
import { UpdateUnknown } from "../../admin/updates.ts";
import { HttpFault } from "../errors.ts";
import type { Admin } from "./admin.ts";
import { errors, isoTime, json, newApi, Time } from "./api_app.ts";

const check = createRoute({
  method: "get",
  path: "/update/check",
  tags: ["Admin: update"],
  summary: "The latest release, and whether it is newer than this one",
  request: {
    query: z.object({
      force: z.enum(["true", "false", "1", "0", ""]).optional().openapi({
        description: "Ask again, although it was asked for within the last six hours.",
      }),
    }),
  },
  responses: {
    200: json(
      z.object({
        current: z.string(),
        updateAvailable: z.boolean(),
        checkedAt: Time,
        tag_name: z.string(),
        name: z.string().nullish(),
        body: z.string().nullish(),
        html_url: z.string().nullish(),
        published_at: z.string().nullish(),
        prerelease: z.boolean().nullish(),
        _cached: z.boolean(),
        _stale: z.boolean().openapi({ description: "Asking again failed; this is what was known before." }),
      }).openapi("UpdateCheck"),
      "The release.",
    ),
    ...errors(400, 401, 429, 502),
  },
});

/** The routes of updates. */
export function updateRoutes({ updates, version }: Admin) {
  return newApi().openapi(check, async (c) => {
    const { force = "false" } = c.req.valid("query");
    const { release, isNewer, checkedAt, isCached, isStale } = await updates
      .check({ force: force !== "false" && force !== "0" }).catch((error) => {
        if (!(error instanceof UpdateUnknown)) throw error;
        throw new HttpFault(error.reason === "rate_limit" ? 429 : 502, {
          message: error.message,
          code: error.reason,
        });
      });
    return c.json({
      ...release,
      current: version,
      updateAvailable: isNewer,
      checkedAt: isoTime(checkedAt),
      _cached: isCached,
      _stale: isStale,
    }, 200);
  });
}
