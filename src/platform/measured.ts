/** A stream that was cut off must not be stored as if it were all: what is written is counted. */
import type { BlobSource } from "./ports.ts";

/** The bytes of an image, as a stream that fails where they are not as many as it claims. */
export function measured({ bytes, size }: Pick<BlobSource, "bytes" | "size">): ReadableStream<Uint8Array> {
  let count = 0;
  const fail = () => {
    throw new Error(
      `Cannot store an image: it must have ${size} bytes, and has ${count}${count > size ? " or more" : ""}`,
    );
  };
  return bytes.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        count += chunk.length;
        if (count > size) fail();
        controller.enqueue(chunk);
      },
      flush() {
        if (count < size) fail();
      },
    }),
  );
}
