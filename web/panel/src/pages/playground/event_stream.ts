/**
 * Reads the gateway's own stream of events, whose events are lines of `data:` and comments alone. A library that
 * reads any stream would be a sixth of the page.
 */

/** One line of an event. */
export interface EventLine {
  /** Empty for a comment. */
  name: string;
  value: string;
}

/** The lines as they arrive; none that is cut off at the end. */
export async function* readEventLines(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<EventLine> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (true) {
    const { done, value: piece } = await reader.read();
    if (done) return;
    let from = rest.length;
    rest += piece;
    for (let end; (end = rest.indexOf("\n", from)) >= 0; from = 0) {
      const [, name, value] = /^(\w*): ?([^]*)$/.exec(rest.slice(0, end)) ?? [];
      rest = rest.slice(end + 1);
      if (name !== undefined && value !== undefined) yield { name, value };
    }
  }
}
