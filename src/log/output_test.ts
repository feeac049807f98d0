import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { createLineOutput } from "./output.ts";

const GATHER = 20;

Deno.test("lines that come within a moment are written together, in order", async () => {
  const sink = recordingSink();
  const clock = new FakeClock();
  await using output = createLineOutput(sink, { clock });
  output.write("one");
  await clock.pass(GATHER - 1);
  output.write("two");
  assert.deepEqual(sink.writes, []);
  await clock.pass(1);
  assert.deepEqual(sink.writes, ["one\ntwo\n"]);
  output.write("three");
  await clock.pass(GATHER);
  assert.deepEqual(sink.writes, ["one\ntwo\n", "three\n"]);
});

Deno.test("what waits is written when the output is closed", async () => {
  const sink = recordingSink();
  {
    await using output = createLineOutput(sink);
    output.write("last words");
  }
  assert.equal(sink.writes.join(""), "last words\n");
});

Deno.test("a sink that takes a part at a time gets all of it", async () => {
  const sink = recordingSink({ most: 3 });
  const clock = new FakeClock();
  {
    await using output = createLineOutput(sink, { clock });
    output.write("naïve cat");
    await clock.pass(GATHER);
    output.write("again");
  }
  assert.equal(new TextDecoder().decode(Uint8Array.from(sink.bytes)), "naïve cat\nagain\n");
});

Deno.test("while nobody reads, lines are dropped and counted", async () => {
  const reading = Promise.withResolvers<void>();
  const sink = recordingSink({ until: reading.promise });
  const clock = new FakeClock();
  {
    await using output = createLineOutput(sink, { clock, maxWaiting: 2 });
    output.write("first");
    await clock.pass(GATHER);
    for (let i = 0; i < 10; i++) output.write(`line ${i}`);
    reading.resolve();
  }
  assert.match(sink.writes.join(""), /^first\nline 0\nline 1\n… 8 lines of the log were dropped.*\n$/);
});

Deno.test("a closed pipe loses lines and nothing else", async () => {
  let broken = true;
  const sink = recordingSink();
  const clock = new FakeClock();
  const output = createLineOutput({
    write: (bytes) => broken ? Promise.reject(new Deno.errors.BrokenPipe("closed")) : sink.write(bytes),
  }, { clock });
  output.write("lost");
  await clock.pass(GATHER);
  broken = false;
  output.write("found");
  await output[Symbol.asyncDispose]();
  assert.deepEqual(sink.writes, ["found\n"]);
});

function recordingSink({ most = Infinity, until = Promise.resolve() } = {}) {
  const writes: string[] = [];
  const bytes: number[] = [];
  return {
    writes,
    bytes,
    async write(given: Uint8Array): Promise<number> {
      await until;
      const taken = given.subarray(0, most);
      writes.push(new TextDecoder().decode(taken));
      bytes.push(...taken);
      return taken.length;
    },
  };
}
