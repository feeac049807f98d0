/** The limit of request bodies, which holds whatever length they claim. */
import { HttpFault } from "./errors.ts";

/** The body as a stream that breaks off when it becomes too large. @throws HttpFault 413 if it says so at once */
export function limitedBody(request: Request, maxBytes: number): ReadableStream<Uint8Array> | null {
  if (tellsLength(request, maxBytes) || !request.body) return request.body;
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

/** The body as text. @throws HttpFault 413 where it is larger */
export function limitedText(request: Request, maxBytes: number): Promise<string> {
  // Whoever asks for no stream spares the server from making one.
  if (tellsLength(request, maxBytes)) return request.text();
  return new Response(limitedBody(request, maxBytes)).text();
}

/** Whether a length is told, which the server makes sure is kept to. @throws HttpFault 413 if it is too much */
function tellsLength({ headers }: Request, maxBytes: number): boolean {
  const length = headers.get("content-length");
  if (length !== null && Number(length) > maxBytes) throw tooLarge(maxBytes);
  return length !== null;
}

function tooLarge(maxBytes: number): HttpFault {
  return new HttpFault(413, {
    message: `The body is larger than ${maxBytes} bytes, which is the limit of this gateway`,
    code: "body_too_large",
  });
}
