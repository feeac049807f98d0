import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { sqliteDialect } from "../platform/sqlite.ts";
import { openDatabase } from "./database.ts";
import { createJournal } from "./journal.ts";

const entry = (requestId: string, ticketId: string) => ({
  requestId,
  ticketId,
  provider: "Replicate",
  model: "flux",
  keyId: "k1",
  baseUrl: "https://api.example",
});

Deno.test("a job stands in the journal from its acceptance until its request has ended", async () => {
  const clock = new FakeClock();
  await using db = await openDatabase(sqliteDialect(":memory:"));
  const journal = createJournal(db, { clock });
  await journal.accepted({ ...entry("r1", "a"), ticketUrl: "https://api.example/a" });
  await clock.pass(5);
  await journal.accepted(entry("r1", "b"));
  await journal.accepted(entry("r2", "c"));
  await journal.accepted(entry("r2", "c"));
  assert.deepEqual((await journal.open()).map(({ ticketId }) => ticketId), ["a", "b", "c"]);
  assert.deepEqual((await journal.open())[0], {
    ...entry("r1", "a"),
    ticketUrl: "https://api.example/a",
    acceptedAt: clock.now() - 5,
  });
  await journal.ended("r1");
  assert.deepEqual((await journal.open()).map(({ ticketId }) => ticketId), ["c"]);
});
