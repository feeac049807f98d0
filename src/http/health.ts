/** `/health` and `/health/ready`, for whoever starts and stops us. */
import { z } from "@hono/zod-openapi";
import { documented, type EdgeApp } from "./documented.ts";
import type { Edge } from "./edge.ts";

const HealthReply = z.object({ status: z.string(), version: z.string(), uptime_s: z.int() }).openapi(
  "Health",
);
const content = { "application/json": { schema: HealthReply } };

/** Adds the health endpoints. */
export function addHealth(app: EdgeApp, edge: Edge): void {
  const about = () => ({
    version: edge.version,
    uptime_s: Math.floor((edge.clock.now() - edge.startedAt) / 1000),
  });
  documented(app, {
    method: "get",
    path: "/health",
    tags: ["Operation"],
    summary: "Whether the process lives",
    responses: { 200: { description: "It does.", content } },
  }, (c) => edge.settings().healthCheck ? c.json({ status: "ok", ...about() }) : c.notFound() as Response);
  documented(app, {
    method: "get",
    path: "/health/ready",
    tags: ["Operation"],
    summary: "Whether it should get traffic",
    responses: {
      200: { description: "It should.", content },
      503: { description: "Its stores don't answer, or it is stopping.", content },
    },
  }, async (c) => {
    const reason = await edge.notReady();
    return c.json({ status: reason ?? "ready", ...about() }, reason ? 503 : 200);
  });
}
