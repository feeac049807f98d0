/** What is happening, as it happens: changes for open panels, the log in img-router's shape, and the log in pages. */
import { createRoute, z } from "@hono/zod-openapi";
import type { LogEntry } from "../../log/entry.ts";
import { type LogLevel, parseLevel } from "../../log/log.ts";
import type { Admin } from "./admin.ts";
import {
  type ApiContext,
  badField,
  errors,
  isoTime,
  json,
  listingOf,
  newApi,
  Paging,
  Time,
} from "./api_app.ts";
import { eventStream, type Message } from "./event_stream.ts";

const tags = ["Admin: log and live view"];
/** How much of the log a reader of the live log gets who was not there before. */
const FIRST_ENTRIES = 100;

const Level = z.string().max(20).optional().openapi({
  description: "The lowest level that is wanted: debug, info, warning or error, in any letter case.",
});
const LastEventId = z.object({ "last-event-id": z.string().max(100).optional() });

const live = createRoute({
  method: "get",
  path: "/live",
  tags,
  summary: "What changes, as server-sent events",
  description:
    "Each event is a JSON object with a `type`: settings, keys, clients, health, stats, pictures, " +
    "jobs or sessions; read again what you show of it. With `log` the log comes along (`type: log`). " +
    "`connected` comes first; `reset` says that events were missed, so that everything is to be read again.",
  request: { query: z.object({ log: Level }), headers: LastEventId },
  responses: { 200: { description: "text/event-stream; ends with the session." }, ...errors(400, 401) },
});

const stream = createRoute({
  method: "get",
  path: "/logs/stream",
  tags,
  summary: "The log as server-sent events, as img-router told it",
  description:
    "`{type: connected, level}` first, then the last 100 entries, or those after `Last-Event-ID`, " +
    "then what comes.",
  request: { query: z.object({ level: Level }), headers: LastEventId },
  responses: { 200: { description: "text/event-stream; ends with the session." }, ...errors(400, 401) },
});

const Entry = z.object({
  id: z.string(),
  time: Time,
  level: z.string(),
  module: z.string(),
  requestId: z.string().optional(),
  message: z.string(),
  fields: z.record(z.string(), z.unknown()),
}).openapi("LogEntry");

const list = createRoute({
  method: "get",
  path: "/logs",
  tags,
  summary: "The last thousand entries of the log, newest first",
  description:
    "`q` is looked for in message, module, request id and fields; `after` goes on with older ones.",
  request: { query: Paging.extend({ level: Level, requestId: z.string().max(200).optional() }) },
  responses: { 200: json(listingOf(Entry), "One page."), ...errors(400, 401) },
});

/** The routes of the log and the live view. */
export function logsRoutes(admin: Admin) {
  const { ring, live: feed } = admin;
  return newApi()
    .openapi(live, (c) => {
      const { log } = c.req.valid("query");
      const level = log === undefined ? undefined : levelOf(log, "log");
      const seen = readPosition(c.req.valid("header")["last-event-id"], feed.epoch);
      let position = seen?.live ?? feed.position;
      let logId = seen?.log ?? ring.nextId - 1;
      const isReset = seen === undefined && c.req.header("last-event-id") !== undefined;
      const idOf = () => `${feed.epoch}-${position}-${logId}`;
      const first: Message[] = [
        { id: idOf(), data: { type: "connected" } },
        ...isReset ? [{ id: idOf(), data: { type: "reset" } }] : [],
      ];
      return streamTo(c, admin, {
        subscribe: (wake) => {
          const feeding = feed.subscribe(wake);
          const logging = level && ring.subscribe(wake, { level });
          return {
            [Symbol.dispose]() {
              feeding[Symbol.dispose]();
              logging?.[Symbol.dispose]();
            },
          };
        },
        take: () => {
          const messages = first.splice(0);
          for (const entry of level ? ring.list({ afterId: logId, level }) : []) {
            logId = entry.id;
            messages.push({ id: idOf(), data: { type: "log", ...tellEntry(entry) } });
          }
          const { missed, events } = feed.since(position);
          if (missed) messages.push({ id: idOf(), data: { type: "reset" } });
          for (const news of events) {
            position = news.position;
            messages.push({ id: idOf(), data: news.event });
          }
          return messages;
        },
      });
    })
    .openapi(stream, (c) => {
      const told = c.req.valid("query").level ?? "INFO";
      const level = levelOf(told, "level");
      const given = c.req.valid("header")["last-event-id"];
      const seen = readPosition(given, feed.epoch)?.log;
      const [oldest] = ring.list({ level }).slice(-FIRST_ENTRIES);
      let logId = seen ?? (oldest?.id ?? ring.nextId) - 1;
      const first: Message[] = [{ data: { type: "connected", level: told.toUpperCase() } }];
      return streamTo(c, admin, {
        subscribe: (wake) => ring.subscribe(wake, { level }),
        take: () => [
          ...first.splice(0),
          ...ring.list({ afterId: logId, level }).map((entry) => {
            logId = entry.id;
            return { id: `${feed.epoch}-0-${logId}`, data: tellOldEntry(entry) };
          }),
        ],
      });
    })
    .openapi(list, (c) => {
      const { level, q, requestId, after, limit } = c.req.valid("query");
      const before = after === undefined ? Infinity : Number(after);
      if (Number.isNaN(before)) throw badField("after", "must be the 'next' of a page before");
      const found = ring.list({ level: level === undefined ? undefined : levelOf(level, "level") })
        .filter((entry) => entry.id < before && matches(entry, q?.toLowerCase(), requestId)).reverse();
      const page = found.slice(0, limit);
      return c.json({
        data: page.map(tellEntry),
        next: found.length > limit ? String(page.at(-1)!.id) : undefined,
      }, 200);
    });
}

function streamTo(
  c: ApiContext,
  { clock, sessions, stopping }: Admin,
  { subscribe, take }: { subscribe: (wake: () => void) => Disposable; take: () => Message[] },
): Response {
  const { id } = c.get("admin");
  return eventStream({
    clock,
    signal: AbortSignal.any([stopping, c.req.raw.signal]),
    mayRead: () => sessions.lives(id),
    subscribe,
    take,
  });
}

/** Places in the feed and in the log; those of another process, or of nobody, are none. */
function readPosition(id: string | undefined, epoch: string): { live: number; log: number } | undefined {
  const [, of, live, log] = /^(\w+)-(\d{1,15})-(\d{1,15})$/.exec(id ?? "") ?? [];
  return of === epoch ? { live: Number(live), log: Number(log) } : undefined;
}

function levelOf(text: string, param: string): LogLevel {
  const level = parseLevel(text);
  if (!level) throw badField(param, "must be debug, info, warning or error");
  return level;
}

function tellEntry({ id, time, level, module, requestId, message, fields }: LogEntry): z.infer<typeof Entry> {
  return { id: String(id), time: isoTime(time), level, module, requestId, message, fields };
}

/** The time of day is that of UTC, to hundredths of a second. */
function tellOldEntry({ id, time, level, module, requestId, message }: LogEntry) {
  return {
    type: "log",
    timestamp: isoTime(time).slice(11, 22),
    level: level === "warning" ? "WARN" : level.toUpperCase(),
    module,
    message,
    id: String(id),
    time: isoTime(time),
    requestId,
  };
}

function matches(
  { message, module, requestId: of, fields }: LogEntry,
  q?: string,
  requestId?: string,
): boolean {
  if (requestId !== undefined && of !== requestId) return false;
  return !q ||
    [message, module, of ?? "", JSON.stringify(fields)].some((text) => text.toLowerCase().includes(q));
}
