/** `/storage/{name}`: stored pictures. No key is asked for, because chat apps and browsers send none with images. */
import { z } from "@hono/zod-openapi";
// @ts-types="@types/range-parser"
import parseRange from "range-parser";
import { documented, type EdgeApp, errorResponses } from "./documented.ts";
import type { Edge, EdgeContext } from "./edge.ts";
import { HttpFault } from "./errors.ts";

/** A name is never given to another picture, so what was fetched once stays true. */
const CACHE = "public, max-age=31536000, immutable, no-transform";

/** Adds the route. */
export function addStorage(app: EdgeApp, edge: Edge): void {
  documented(app, {
    method: "get",
    path: "/storage/{name}",
    tags: ["Pictures"],
    summary: "Fetch a stored picture",
    request: { params: z.object({ name: z.string() }) },
    responses: {
      200: {
        description: "Its bytes, with their true type.",
        content: { "image/*": { schema: { type: "string", format: "binary" } } },
      },
      206: { description: "The part that `Range` asked for." },
      304: { description: "It is still the same." },
      404: errorResponses[404],
      416: { description: "The range is beyond its end." },
    },
  }, (c) => serve(c, edge));
}

async function serve(c: EdgeContext, edge: Edge): Promise<Response> {
  const name = c.req.param("name") ?? "";
  const pending = edge.pictures.pending(name);
  const facts = pending
    ? { type: pending.facts.type, size: pending.bytes.length }
    : await edge.blobs()?.stat(name);
  if (!facts) {
    throw new HttpFault(404, {
      message: "There is no such picture; it may have been removed",
      code: "not_found",
    });
  }
  const etag = `"${encodeURIComponent(name)}"`;
  const headers: Record<string, string> = {
    "content-type": facts.type,
    "cache-control": CACHE,
    "content-disposition": `inline; filename*=UTF-8''${encodeURIComponent(name)}`,
    "accept-ranges": "bytes",
    "cross-origin-resource-policy": "cross-origin",
    // A picture may be an SVG, and must never act as a page of ours.
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
    etag,
  };
  if (c.req.header("if-none-match")?.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag)) {
    return new Response(null, { status: 304, headers });
  }
  const range = wantedRange(c, facts.size, etag);
  if (range === "beyond") {
    return new Response(null, {
      status: 416,
      headers: { ...headers, "content-range": `bytes */${facts.size}` },
    });
  }
  if (range) headers["content-range"] = `bytes ${range.start}-${range.end}/${facts.size}`;
  headers["content-length"] = String(range ? range.end - range.start + 1 : facts.size);
  const status = range ? 206 : 200;
  if (c.req.method === "HEAD") return new Response(null, { status, headers });
  if (pending) {
    const bytes = range ? pending.bytes.subarray(range.start, range.end + 1) : pending.bytes;
    return new Response(bytes as Uint8Array<ArrayBuffer>, { status, headers });
  }
  const blob = await edge.blobs()?.open(name, range);
  if (!blob) throw new HttpFault(404, { message: "The picture was removed just now", code: "not_found" });
  return new Response(blob.bytes, { status, headers });
}

/** The one range that was asked for; several at once are answered with the whole, as RFC 9110 allows. */
function wantedRange(
  c: EdgeContext,
  size: number,
  etag: string,
): { start: number; end: number } | "beyond" | undefined {
  const header = c.req.header("range");
  const condition = c.req.header("if-range");
  if (!header || (condition && condition !== etag)) return undefined;
  const ranges = parseRange(size, header, { combine: true });
  if (ranges === -1) return "beyond";
  return ranges === -2 || ranges.type !== "bytes" || ranges.length !== 1 ? undefined : ranges[0];
}
