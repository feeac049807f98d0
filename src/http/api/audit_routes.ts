/** What admins changed, for whoever wants to know who did it. */
import { createRoute, z } from "@hono/zod-openapi";
import type { Admin } from "./admin.ts";
import { errors, isoTime, json, listingOf, newApi, Paging, Time } from "./api_app.ts";

const Entry = z.object({
  id: z.string(),
  time: Time,
  who: z.string(),
  action: z.string(),
  target: z.string(),
  detail: z.record(z.string(), z.unknown()),
}).openapi("AuditEntry");

const list = createRoute({
  method: "get",
  path: "/audit",
  tags: ["Admin: audit"],
  summary: "What admins changed, newest first",
  request: { query: Paging },
  responses: { 200: json(listingOf(Entry), "One page."), ...errors(400, 401) },
});

/** The audit trail's routes. */
export function auditRoutes({ audit }: Admin) {
  return newApi().openapi(list, async (c) => {
    const { data, next } = await audit.list(c.req.valid("query"));
    return c.json({ data: data.map((entry) => ({ ...entry, time: isoTime(entry.time) })), next }, 200);
  });
}
