/** Request bodies: JSON, multipart or URL-encoded, read once into fields and files. */
import { getMultipartBoundary, MultipartParseError, parseMultipartStream } from "@remix-run/multipart-parser";
import { HttpFault } from "../errors.ts";
import { limitedBody, limitedText } from "../limited_body.ts";

/** What a body held. */
export interface Body {
  /** Fields by name; in forms, repeated ones are arrays of texts. */
  fields: Record<string, unknown>;
  /** Parts of a form that are files, or may be, in their order. */
  files: { name: string; bytes: Uint8Array }[];
}

const LIMITS = { maxHeaderSize: 8 * 1024, maxParts: 200 };

/**
 * Reads the body of a request, up to `maxBytes`. JSON is accepted under any text type, since `curl -d` sends it as a form.
 * @throws HttpFault 400 where it can't be read, 413 where it is too large, 415 where its type is not known
 */
export async function readBody(request: Request, maxBytes: number): Promise<Body> {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  if (type === "multipart/form-data") return await readMultipart(request, limitedBody(request, maxBytes));
  if (type !== "" && !/json$|^text\/plain$|^application\/x-www-form-urlencoded$/.test(type)) {
    throw new HttpFault(415, {
      message: `Content-Type ${type} is not understood: send application/json or multipart/form-data`,
      code: "unsupported_media_type",
    });
  }
  const text = await limitedText(request, maxBytes);
  if (type === "application/x-www-form-urlencoded" && !/^\s*\{/.test(text)) {
    return { fields: collect(new URLSearchParams(text)), files: [] };
  }
  return { fields: parseObject(text), files: [] };
}

function parseObject(text: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/"[^"]{40,}"/g, '"…"') : "";
    throw new HttpFault(400, { message: `The body is not valid JSON: ${reason}`, code: "invalid_json" });
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) {
    return json as Record<string, unknown>;
  }
  throw new HttpFault(400, { message: "The body has to be a JSON object", code: "invalid_json" });
}

async function readMultipart(request: Request, body: ReadableStream<Uint8Array> | null): Promise<Body> {
  const boundary = getMultipartBoundary(request.headers.get("content-type") ?? "");
  if (!boundary || !body) {
    throw new HttpFault(400, { message: "The form has no boundary or no body", code: "invalid_multipart" });
  }
  const texts: [string, string][] = [];
  const files: Body["files"] = [];
  try {
    for await (
      const part of parseMultipartStream(body, {
        ...LIMITS,
        boundary,
        maxFileSize: Infinity,
        maxTotalSize: Infinity,
      })
    ) {
      if (!part.name) continue;
      // Some clients send pictures without a file name; their type gives them away.
      if (part.isFile || part.mediaType?.startsWith("image/")) {
        files.push({ name: part.name, bytes: part.bytes });
      } else texts.push([part.name, part.text]);
    }
  } catch (error) {
    if (!(error instanceof MultipartParseError)) throw error;
    throw new HttpFault(400, {
      message: `The form could not be read: ${error.message}`,
      code: "invalid_multipart",
    });
  }
  return { fields: collect(texts), files };
}

function collect(entries: Iterable<[string, string]>): Record<string, unknown> {
  const fields: Record<string, unknown> = Object.create(null);
  for (const [name, value] of entries) {
    const before = fields[name];
    fields[name] = before === undefined
      ? value
      : Array.isArray(before)
      ? [...before, value]
      : [before, value];
  }
  return fields;
}
