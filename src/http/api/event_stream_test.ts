import assert from "node:assert/strict";
import { FakeClock } from "../../testing/fake_clock.ts";
import { eventStream, type Message } from "./event_stream.ts";

Deno.test("a reader who takes nothing is let go, and costs no more than it was sent", async () => {
  const stream = open();
  stream.tell({ data: 1 });
  await stream.clock.pass(29_000);
  for (let n = 2; n < 100; n++) stream.tell({ data: n });
  assert.equal(stream.subscribers, 1);
  await stream.clock.pass(1000);
  assert.equal(stream.subscribers, 0);
  assert.equal(await stream.reply.text(), "retry: 2000\n\n");
});

Deno.test("what came while the reader was busy comes in one piece", async () => {
  const stream = open();
  const reader = stream.reply.body!.getReader();
  for (let n = 1; n <= 3; n++) stream.tell({ id: `a-${n}`, data: { n } });
  assert.match(await text(reader), /^retry/);
  assert.equal(
    await text(reader),
    'id: a-1\ndata: {"n":1}\n\nid: a-2\ndata: {"n":2}\n\nid: a-3\ndata: {"n":3}\n\n',
  );
  stream.stop.abort();
  assert.equal((await reader.read()).done, true);
});

Deno.test("nothing is sent to one who may no longer read", async () => {
  const stream = open();
  const reader = stream.reply.body!.getReader();
  await text(reader);
  await stream.clock.sleeping(15_000, 1);
  stream.refuse();
  stream.tell({ data: "secret" });
  assert.equal((await reader.read()).done, true);
  assert.equal(stream.subscribers, 0);
});

Deno.test("a reader who leaves is forgotten", async () => {
  const stream = open();
  const reader = stream.reply.body!.getReader();
  await text(reader);
  await stream.clock.sleeping(15_000, 1);
  await reader.cancel();
  await stream.clock.sleeping(15_000, 0);
  assert.equal(stream.subscribers, 0);
});

/** A stream, and everything around it. */
function open() {
  const clock = new FakeClock();
  const stop = new AbortController();
  const waiting: Message[] = [];
  const wakes = new Set<() => void>();
  let mayRead = true;
  const reply = eventStream({
    clock,
    signal: stop.signal,
    mayRead: () => Promise.resolve(mayRead),
    take: () => waiting.splice(0),
    subscribe: (wake) => {
      wakes.add(wake);
      return { [Symbol.dispose]: () => void wakes.delete(wake) };
    },
  });
  return {
    clock,
    stop,
    reply,
    get subscribers() {
      return wakes.size;
    },
    tell(message: Message): void {
      waiting.push(message);
      for (const wake of wakes) wake();
    },
    refuse(): void {
      mayRead = false;
    },
  };
}

async function text(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  return new TextDecoder().decode((await reader.read()).value);
}
