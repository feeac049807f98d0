/** What is mounted where, and what every request passes on its way. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { cors } from "hono/cors";
import { methodNotAllowed } from "hono/method-not-allowed";
import { requestId } from "hono/request-id";
import { v7 as timeOrderedUuid } from "uuid";
import { Failed } from "../core/failure.ts";
import { logger, withRequestId } from "../log/log.ts";
import type { AdminParts } from "./api/admin.ts";
import { addDocs } from "./docs.ts";
import type { EdgeApp } from "./documented.ts";
import type { Edge, EdgeContext, EdgeEnv } from "./edge.ts";
import { errorReply, HttpFault } from "./errors.ts";
import { addHealth } from "./health.ts";
import { addMetrics } from "./metrics.ts";
import { publicBase } from "./links.ts";
import { normalPath } from "./paths.ts";
import { peerOf } from "./peer.ts";
import { addPanel, wantsPage } from "./panel.ts";
import { addStorage } from "./storage.ts";
import { addChat } from "./v1/chat.ts";
import { attemptsOf } from "./v1/endpoint.ts";
import { addImages } from "./v1/images.ts";
import { addModels } from "./v1/models.ts";

const log = logger("http");
const API = "/api";

const EXPOSED = [
  ...["x-request-id", "retry-after", "retry-after-ms", "x-should-retry", "etag", "content-disposition"],
  ...["provider", "model", "attempts", "cost-usd", "notes"].map((name) => `x-imgrouter-${name}`),
];

/** What answers requests. */
export interface Router {
  app: EdgeApp;
  /** The app with every route in it, to be looked at; loads what is not loaded yet. */
  whole: () => Promise<EdgeApp>;
}

/** Builds the app. @param admin what the admin API works with */
export function createRouter(edge: Edge, admin: AdminParts): Router {
  const app = newApp();
  // With its schemas and what only it imports, 7 MB that a gateway which nobody looks at has no use for; its first
  // request waits some 30 ms.
  const adminApi = once(async () => {
    const { createApi } = await import("./api/api.ts");
    return addPassage(newApp(), edge).route(API, createApi(admin, edge));
  });
  const whole = once(async () => newApp().route("/", app).route("/", await adminApi()));
  // Before the passage, since the admin API has one of its own.
  app.use(`${API}/*`, async (c) => (await adminApi()).fetch(c.req.raw, c.env));
  addPassage(app, edge);
  addImages(app, edge);
  addChat(app, edge);
  addModels(app, edge);
  addStorage(app, edge);
  addHealth(app, edge);
  addMetrics(app, edge, edge.metrics);
  const missingPage = addPanel(app, edge);
  addDocs(app, edge, whole);
  app.notFound((c) => wantsPage(c) ? missingPage(c) : told(c, notFound(c.req.path)));
  return { app, whole };
}

function newApp(): EdgeApp {
  return new OpenAPIHono<EdgeEnv>({ getPath: (request) => normalPath(request.url) });
}

/** What every request passes before its route, and what answers where there is no route or it fails. */
function addPassage(app: EdgeApp, edge: Edge): EdgeApp {
  app.use(requestId({ limitLength: 128, generator: newRequestId }));
  app.use((c, next) =>
    withRequestId(c.get("requestId"), async () => {
      await next();
      // A reply that a route made by itself does not have what was set before it.
      c.res.headers.set("x-request-id", c.get("requestId"));
    })
  );
  app.use(logged(edge));
  app.use(allowingOrigins(edge));
  app.use(async (c, next) => {
    c.set("base", publicBase(c.req.raw, peerOf(c), edge.settings()));
    await next();
  });
  app.use(methodNotAllowed({
    app,
    onMethodNotAllowed: (c, methods) => {
      const allow = methods.join(", ");
      return told(
        c as EdgeContext,
        new HttpFault(405, {
          message: `${c.req.method} is not possible here; allowed: ${allow}`,
          code: "method_not_allowed",
        }, { allow }),
      );
    },
  }));
  app.notFound((c) => told(c, notFound(c.req.path)));
  app.onError((error, c) => told(c as EdgeContext, error));
  return app;
}

/** Ids rise with time, so that the database appends to its index of them; random ones would write a page each. */
function newRequestId(): string {
  return `req_${timeOrderedUuid().replaceAll("-", "")}`;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => made ??= make();
}

/** Says what went wrong, to the caller and to the log. */
function told(c: EdgeContext, error: unknown): Response {
  // Whoever hung up in the middle of a request hears nothing any more.
  if (c.req.raw.signal.aborted && !(error instanceof Failed)) error = gone(error);
  const { status, body, headers } = errorReply(error, c.get("mode"));
  if (!(error instanceof Failed) && !(error instanceof HttpFault)) {
    log.error("Failed unexpectedly: {error}", { error });
  }
  if (isApi(c.req.path)) {
    const { message, code, param } = body.error;
    return c.json({ error: { message, code, param } }, status, headers);
  }
  return c.json(body, status, { ...headers, ...attemptsOf(error) });
}

/** One line a request, when its reply begins. */
function logged(edge: Edge) {
  return async function logged(c: EdgeContext, next: () => Promise<void>): Promise<void> {
    const startedAt = edge.clock.now();
    await next();
    if (!edge.settings().requestLogging) return;
    const { method, path } = c.req;
    const fields = { method, path, status: c.res.status, ms: edge.clock.now() - startedAt };
    const line = "{method} {path} {status} in {ms} ms";
    if (c.res.status >= 500) log.warn(line, fields);
    else if (c.res.ok && isLooking(method, path)) log.debug(line, fields);
    else log.info(line, fields);
  };
}

/** Whether it is an open panel that keeps itself up to date, which would bury in the log what it shows. */
function isLooking(method: string, path: string): boolean {
  return method === "GET" && (isApi(path) || path.startsWith("/panel/"));
}

function allowingOrigins(edge: Edge) {
  const allowing = cors({
    origin: "*",
    allowMethods: ["GET", "HEAD", "POST", "OPTIONS"],
    exposeHeaders: EXPOSED,
    maxAge: 86_400,
  });
  return function allowingOrigins(c: EdgeContext, next: () => Promise<void>) {
    // Only browsers name an origin. Replies to a POST are kept by no cache that could pass them on to one.
    const isFromBrowser = c.req.method !== "POST" || c.req.header("origin") !== undefined;
    return edge.settings().cors && isFromBrowser && !isApi(c.req.path) ? allowing(c, next) : next();
  };
}

function isApi(path: string): boolean {
  return path === API || path.startsWith(`${API}/`);
}

function gone(cause: unknown): Failed {
  return new Failed({ kind: "cancelled", message: "the client closed the connection" }, cause);
}

const HINTS: [pattern: RegExp, hint: string][] = [
  [
    /\/responses$/,
    "this gateway speaks /v1/chat/completions and /v1/images/*; in the AI SDK use provider.chat(…) or provider.image(…)",
  ],
  [/\/embeddings$|\/audio\//, "this gateway makes images only"],
  [
    /\/dashboard\/billing\//,
    "this gateway has no billing endpoint; costs are in the x-imgrouter-cost-usd header",
  ],
];

function notFound(path: string): HttpFault {
  const hint = HINTS.find(([pattern]) => pattern.test(path))?.[1] ?? "GET /docs lists what there is";
  return new HttpFault(404, {
    message: `There is nothing at ${path.slice(0, 200)}: ${hint}`,
    code: "not_found",
  });
}
