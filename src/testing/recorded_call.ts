/** A request as a scripted service keeps it, for tests to read what a client really sent. */

/** One request as it arrived. */
export interface RecordedCall {
  method: string;
  /** The whole path, such as `/v1/images/generations`, without the query. */
  path: string;
  query: URLSearchParams;
  headers: Headers;
  /** The key that was shown: what followed `Bearer `, unless the service takes it elsewhere; absent where none was. */
  key?: string;
  /** The body, if it came as JSON. */
  json?: unknown;
  /** The body, if it came as a form. */
  form?: FormData;
  /** When it arrived, in ms on the clock of `performance.now()`. */
  at: number;
  /** What was answered; absent as long as nothing is. */
  status?: number;
}

/** Reads a request to its end. @throws if the caller leaves meanwhile. */
export async function record(request: Request): Promise<{ call: RecordedCall; readable: boolean }> {
  const { pathname, searchParams } = new URL(request.url);
  const { method, headers } = request;
  const key = headers.get("authorization")?.match(/^Bearer (\S+)$/)?.[1];
  const call: RecordedCall = {
    method,
    path: pathname,
    query: searchParams,
    headers,
    key,
    at: performance.now(),
  };
  const bytes = await request.bytes();
  const type = headers.get("content-type") ?? "";
  try {
    // Some clients name a type though they send nothing.
    if (type.startsWith("application/json") && bytes.length > 0) {
      call.json = JSON.parse(new TextDecoder().decode(bytes));
    }
    if (type.startsWith("multipart/form-data")) {
      call.form = await new Response(bytes, { headers: { "content-type": type } }).formData();
    }
    return { call, readable: true };
  } catch {
    return { call, readable: false };
  }
}
