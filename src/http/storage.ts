/** `/storage/{name}`: stored pictures. No key is asked for, because chat apps and browsers send none with images. */
import { z } from "@hono/zod-openapi";
// @ts-types="@types/range-parser"
import parseRange from "range-parser";
import { thumbnailWidth } from "../platform/thumbnails.ts";
import { sidecarOf } from "../store/sidecar.ts";
import { isAdmin } from "./admin_access.ts";
import { documented, type EdgeApp, errorResponses } from "./documented.ts";
import type { Edge, EdgeContext } from "./edge.ts";
import { HttpFault } from "./errors.ts";

/** A name is never given to another picture, so what was fetched once stays true. */
const FOR_EVER = "public, max-age=31536000, immutable, no-transform";
/** For what the admin alone may see: short, since their session may end. */
const FOR_ADMIN = "private, max-age=300, no-transform";
/** The original in the place of a thumbnail: the next time there may be one. */
const INSTEAD = "private, max-age=60, no-transform";
/** An address in a bucket may change with the settings. */
const REDIRECT = "public, max-age=300";
const SIDECAR = /\.json$/i;

/** What serving pictures needs. */
export type StorageEdge =
  & Pick<Edge, "clock" | "blobs" | "pictureFacts" | "links" | "thumbnails" | "sessions">
  & { pictures: Pick<Edge["pictures"], "pending"> };

/** Adds the route. */
export function addStorage(app: EdgeApp, edge: StorageEdge): void {
  documented(app, {
    method: "get",
    path: "/storage/{name}",
    tags: ["Pictures"],
    summary: "A stored picture",
    description:
      "The links in replies lead here. Where links are signed, one works until its `expires`, and for the admin's " +
      "session without a signature. `{name}.json` tells the admin what made the picture.",
    request: {
      params: z.object({ name: z.string() }),
      query: z.object({
        w: z.string().optional().openapi({
          description: "Width in pixels of a smaller version as webp, brought to the next of a few steps.",
        }),
        download: z.enum(["1"]).optional().openapi({ description: "Save it instead of showing it." }),
        expires: z.string().optional().openapi({
          description: "When a signed link ends, in seconds since 1970.",
        }),
        signature: z.string().optional(),
      }),
    },
    responses: {
      200: {
        description: "The picture, to be kept for ever.",
        content: { "image/*": { schema: { type: "string", format: "binary" } } },
      },
      206: { description: "The part that `Range` asked for." },
      302: { description: "It is at the public address of the bucket." },
      304: { description: "It is still the same." },
      403: errorResponses[403],
      404: errorResponses[404],
      410: { ...errorResponses[404], description: "The link has expired." },
      416: { description: "The range is beyond its end." },
    },
  }, (c) => serve(c, edge));
}

/** What is served: the picture itself or a smaller version. */
interface Served {
  type: string;
  size: number;
  fileName: string;
  etag: string;
  open: (range?: Range) => Promise<Uint8Array | ReadableStream<Uint8Array> | undefined>;
}

interface Range {
  start: number;
  end: number;
}

async function serve(c: EdgeContext, edge: StorageEdge): Promise<Response> {
  const name = c.req.param("name") ?? "";
  if (SIDECAR.test(name)) return await serveSidecar(c, edge, name.replace(SIDECAR, ""));
  const caching = await admit(c, edge, name);
  const width = thumbnailWidth(c.req.query("w"));
  const isDownload = c.req.query("download") === "1";
  // Smaller versions are made here, and a bucket would show what is to be saved.
  const elsewhere = width || isDownload ? undefined : (await edge.pictureFacts?.(name))?.publicUrl;
  if (elsewhere !== undefined) {
    const cache = caching === FOR_EVER ? REDIRECT : "no-store";
    return new Response(null, { status: 302, headers: { location: elsewhere, "cache-control": cache } });
  }
  const original = await findOriginal(edge, name);
  const thumbnail = width && await findThumbnail(edge, name, original, width);
  const served = thumbnail ?? original;
  const headers: Record<string, string> = {
    "content-type": served.type,
    "cache-control": width && !thumbnail ? INSTEAD : caching,
    "content-disposition": `${isDownload ? "attachment" : "inline"}; filename*=UTF-8''${
      encodeURIComponent(served.fileName)
    }`,
    "accept-ranges": "bytes",
    "cross-origin-resource-policy": "cross-origin",
    // A picture may be an SVG, and must never act as a page of ours.
    "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    "x-content-type-options": "nosniff",
    etag: served.etag,
  };
  return await answer(c, served, headers);
}

/**
 * Lets a request through to a picture, and says how its reply may be kept.
 * @throws HttpFault 403 for a link that is not signed, 410 for one that has expired
 */
async function admit(c: EdgeContext, edge: StorageEdge, name: string): Promise<string> {
  const verdict = edge.links.check(name, c.req.query());
  if (verdict === "open") return FOR_EVER;
  if (typeof verdict === "object") {
    const seconds = Math.max(0, Math.floor((verdict.until - edge.clock.now()) / 1000));
    return `private, max-age=${seconds}, no-transform`;
  }
  if (await isAdmin(c, edge.sessions)) return FOR_ADMIN;
  throw verdict === "expired"
    ? new HttpFault(410, {
      message:
        "This link has expired; the picture may still be there: ask the gateway's admin for a new link",
      code: "link_expired",
    }, NOT_KEPT)
    : new HttpFault(403, {
      message: "Links to pictures are signed here, and this one is not, or was altered: use the whole link " +
        "as the reply gave it, or sign in to the panel",
      code: "link_not_signed",
    }, NOT_KEPT);
}

const NOT_KEPT = { "cache-control": "no-store" };

/** What made a picture. It holds the prompt, so nobody but the admin may read it, nor learn that it is there. */
async function serveSidecar(c: EdgeContext, edge: StorageEdge, name: string): Promise<Response> {
  if (!await isAdmin(c, edge.sessions)) throw missing();
  const known = await edge.pictureFacts?.(name);
  const told = known ? sidecarOf(known.record) : await edge.blobs()?.sidecar(name);
  if (told === undefined) throw missing();
  return c.json(told as object, 200, NOT_KEPT);
}

async function findOriginal(edge: StorageEdge, name: string): Promise<Served> {
  // A name never gets other bytes, so it says as much as a hash would, which is only known some time later.
  const about = { fileName: name, etag: `"${encodeURIComponent(name)}"` };
  const pending = edge.pictures.pending(name);
  if (pending) return { ...about, ...inMemory(pending.facts.type, pending.bytes) };
  const facts = await edge.blobs()?.stat(name);
  if (!facts) throw missing();
  const { type, size } = facts;
  return { ...about, type, size, open: async (range) => (await edge.blobs()?.open(name, range))?.bytes };
}

/** A smaller version, where one makes sense: an SVG has no size of its own, and what can't be decoded has none. */
async function findThumbnail(
  edge: StorageEdge,
  name: string,
  original: Served,
  width: NonNullable<ReturnType<typeof thumbnailWidth>>,
): Promise<Served | undefined> {
  if (original.type === "image/svg+xml") return undefined;
  const bytes = await edge.thumbnails.get(name, width, async () => {
    const body = await original.open();
    return body && await new Response(body as BodyInit).bytes();
  });
  return bytes && {
    ...inMemory("image/webp", bytes),
    fileName: name.replace(/\.\w+$/, `-${width}.webp`),
    etag: original.etag.replace(/"$/, `-w${width}"`),
  };
}

function inMemory(type: string, bytes: Uint8Array): Pick<Served, "type" | "size" | "open"> {
  return {
    type,
    size: bytes.length,
    open: (range) => Promise.resolve(range ? bytes.subarray(range.start, range.end + 1) : bytes),
  };
}

/** Answers with all of it, a part of it, or that it is still the same. */
async function answer(c: EdgeContext, served: Served, headers: Record<string, string>): Promise<Response> {
  const { size, etag } = served;
  if (c.req.header("if-none-match")?.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag)) {
    return new Response(null, { status: 304, headers });
  }
  const range = wantedRange(c, size, etag);
  if (range === "beyond") {
    return new Response(null, { status: 416, headers: { ...headers, "content-range": `bytes */${size}` } });
  }
  if (range) headers["content-range"] = `bytes ${range.start}-${range.end}/${size}`;
  headers["content-length"] = String(range ? range.end - range.start + 1 : size);
  const status = range ? 206 : 200;
  if (c.req.method === "HEAD") return new Response(null, { status, headers });
  const body = await served.open(range);
  if (!body) throw missing();
  return new Response(body as BodyInit, { status, headers });
}

/** The one range that was asked for; several at once are answered with the whole, as RFC 9110 allows. */
function wantedRange(c: EdgeContext, size: number, etag: string): Range | "beyond" | undefined {
  const header = c.req.header("range");
  const condition = c.req.header("if-range");
  if (!header || (condition && condition !== etag)) return undefined;
  const ranges = parseRange(size, header, { combine: true });
  if (ranges === -1) return "beyond";
  return ranges === -2 || ranges.type !== "bytes" || ranges.length !== 1 ? undefined : ranges[0];
}

function missing(): HttpFault {
  return new HttpFault(404, {
    message: "There is no such picture; it may have been removed",
    code: "not_found",
  });
}
