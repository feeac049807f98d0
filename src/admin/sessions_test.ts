import assert from "node:assert/strict";
import { sqliteDialect } from "../platform/sqlite.ts";
import { openDatabase } from "../store/database.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { createSessions } from "./sessions.ts";

const DAY = 24 * 60 * 60_000;
const PASSWORD = "twelve letters";

async function open() {
  const clock = new FakeClock();
  const db = await openDatabase(sqliteDialect(":memory:"));
  const start = (options: { fixedPassword?: string; signingKey?: Uint8Array } = {}) =>
    createSessions(db, { clock, signingKey: new Uint8Array(32).fill(1), ...options });
  return { clock, db, start, [Symbol.asyncDispose]: () => db.destroy() };
}

Deno.test("no use keeps a session for longer than ninety days", async () => {
  await using place = await open();
  const sessions = await place.start();
  const opened = await sessions.setUp(sessions.setupToken!, PASSWORD);
  for (let day = 0; day < 90; day += 6) {
    const found = await sessions.find(opened!.token);
    assert.ok(found?.identity.expiresAt, `day ${day}`);
    assert.ok(found.identity.expiresAt <= opened!.expiresAt - 7 * DAY + 90 * DAY);
    await place.clock.pass(6 * DAY);
  }
  assert.equal(await sessions.find(opened!.token), undefined);
});

Deno.test("another SECRET_KEY ends all sessions and tokens", async () => {
  await using place = await open();
  const sessions = await place.start();
  const { token } = await sessions.createToken({ name: "script" });
  assert.ok(await sessions.find(token));
  assert.equal(await (await place.start({ signingKey: new Uint8Array(32).fill(2) })).find(token), undefined);
});

Deno.test("a second start beside the first makes a link of its own, and only one of them makes an admin", async () => {
  await using place = await open();
  const [one, two] = [await place.start(), await place.start()];
  assert.notEqual(one.setupToken, two.setupToken);
  assert.ok(await one.setUp(one.setupToken!, PASSWORD));
  assert.equal(await two.setUp(two.setupToken!, "another password"), undefined);
  assert.ok(await two.logIn(PASSWORD));
});

Deno.test("neither passwords nor tokens are in the database", async () => {
  await using place = await open();
  const sessions = await place.start();
  const opened = await sessions.setUp(sessions.setupToken!, PASSWORD);
  const { token } = await sessions.createToken({ name: "script" });
  const rows = JSON.stringify([
    await place.db.selectFrom("admins").selectAll().execute(),
    await place.db.selectFrom("sessions").selectAll().execute(),
  ]);
  for (const secret of [PASSWORD, opened!.token, token, token.split(".")[2]!]) {
    assert.ok(!rows.includes(secret));
  }
});

Deno.test("whoever asked to be told hears of each end, and asking whether a session is open is no use of it", async () => {
  await using place = await open();
  const sessions = await place.start();
  const opened = await sessions.setUp(sessions.setupToken!, PASSWORD);
  let ends = 0;
  using _ = sessions.onEnded(() => ends++);
  await place.clock.pass(6 * DAY);
  assert.equal(await sessions.isOpen(opened!.identity.id), true);
  await place.clock.pass(DAY);
  assert.equal(await sessions.isOpen(opened!.identity.id), false);
  const { id } = await sessions.createToken({ name: "script" });
  assert.equal(await sessions.end(id, "session"), false, "it is a token");
  assert.equal(await sessions.end(id, "token"), true);
  assert.equal(await sessions.isOpen(id), false);
  assert.ok(ends > 0);
});
