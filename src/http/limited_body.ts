/** The limit of request bodies, which holds whatever length they claim. */
import { HttpFault } from "./errors.ts";

/** The body as a stream that breaks off when it becomes too large. @throws HttpFault 413 if it says so at once */
export function limitedBody(request: Request, maxBytes: number): ReadableStream<Uint8Array> | null {
  const length = request.headers.get("content-length");
  if (length !== null && Number(length) > maxBytes) throw tooLarge(maxBytes);
  // A length that is told is kept to by the server.
  if (length !== null || !request.body) return request.body;
  let seen = 0;
  return request.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        seen += chunk.length;
        if (seen > maxBytes) controller.error(tooLarge(maxBytes));
        else controller.enqueue(chunk);
      },
    }),
  );
}

function tooLarge(maxBytes: number): HttpFault {
  return new HttpFault(413, {
    message: `The body is larger than ${maxBytes} bytes, which is the limit of this gateway`,
    code: "body_too_large",
  });
}
