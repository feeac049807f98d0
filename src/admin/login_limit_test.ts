import assert from "node:assert/strict";
import { FakeClock } from "../testing/fake_clock.ts";
import { LoginLimit } from "./login_limit.ts";

Deno.test("attempts are counted for each address, and for all together", async () => {
  const clock = new FakeClock();
  const limit = new LoginLimit({ clock, perAddress: 2, overall: 3, windowMs: 60_000 });
  assert.equal(await limit.attempt("a"), undefined);
  assert.equal(await limit.attempt("a"), undefined);
  assert.ok((await limit.attempt("a"))! > 0);
  assert.equal(await limit.attempt("b"), undefined);
  assert.ok((await limit.attempt("c"))! > 0, "there were three already");
});

Deno.test("an address that is refused uses up nothing of the others' share", async () => {
  const limit = new LoginLimit({ clock: new FakeClock(), perAddress: 1, overall: 2 });
  for (let i = 0; i < 20; i++) await limit.attempt("a");
  assert.equal(await limit.attempt("b"), undefined);
});

Deno.test("after the wait that was told, attempts are taken again", async () => {
  const clock = new FakeClock();
  const limit = new LoginLimit({ clock, perAddress: 1 });
  await limit.attempt("a");
  const wait = await limit.attempt("a");
  await clock.pass(wait! - 1);
  assert.equal(await limit.attempt("a"), 1);
  await clock.pass(1);
  assert.equal(await limit.attempt("a"), undefined);
});

Deno.test("who knew the password starts anew", async () => {
  const limit = new LoginLimit({ clock: new FakeClock(), perAddress: 2, overall: 2 });
  for (let i = 0; i < 10; i++) {
    assert.equal(await limit.attempt("a"), undefined);
    await limit.succeeded("a");
  }
});
