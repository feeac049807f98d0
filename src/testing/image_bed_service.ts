/** A CloudFlare-ImgBed, scripted: one route to upload, one to fetch, and its refusals in plain text. */

/** A running bed. */
export interface ImageBed extends AsyncDisposable {
  url: string;
  /** The API token that it takes. */
  token: string;
  /** The upload code that it takes, in a header or the query, and never as `Authorization`. */
  code: string;
  /** Queries of the uploads that it took. */
  uploads: URLSearchParams[];
  /** Names of the files it was sent. */
  names: string[];
  /** Answers the next upload with this instead. */
  spoil(status: number, body: string): void;
}

/** Starts a bed. */
export function imageBed(): ImageBed {
  const token = `imgbed_${"a1B2".repeat(8)}`;
  const code = "open-sesame";
  const files = new Map<string, File>();
  const uploads: URLSearchParams[] = [];
  const names: string[] = [];
  let spoilt: { status: number; body: string } | undefined;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const url = new URL(request.url);
    const file = files.get(url.pathname);
    if (request.method === "GET") {
      return file ? new Response(file, { headers: { "content-type": file.type } }) : text(404, "Not Found");
    }
    if (request.method !== "POST" || url.pathname !== "/upload") return text(405, "Method Not Allowed");
    const form = await request.formData();
    if (!isAllowed(request.headers, url.searchParams, { token, code })) return text(401, "Unauthorized");
    const part = form.get("file");
    if (!(part instanceof File)) return text(400, "Error: No file provided");
    if (spoilt) {
      const { status, body } = spoilt;
      spoilt = undefined;
      return text(status, body);
    }
    const path = `/file/${url.searchParams.get("uploadFolder") ?? "root"}/${part.name}`;
    files.set(path, part);
    uploads.push(url.searchParams);
    names.push(part.name);
    const isFull = url.searchParams.get("returnFormat") === "full";
    return Response.json([{ src: isFull ? `${url.origin}${path}` : path }]);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    token,
    code,
    uploads,
    names,
    spoil: (status, body) => {
      spoilt = { status, body };
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function isAllowed(
  headers: Headers,
  query: URLSearchParams,
  { token, code }: { token: string; code: string },
): boolean {
  const authorization = headers.get("authorization");
  if (authorization !== null) return authorization.replace(/^Bearer /, "") === token;
  return (headers.get("authcode") ?? query.get("authCode")) === code;
}

function text(status: number, body: string): Response {
  return new Response(body, { status, headers: { "content-type": "text/plain" } });
}
