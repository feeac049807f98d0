import assert from "node:assert/strict";
import { sqliteDialect } from "../platform/sqlite.ts";
import { openDatabase } from "../store/database.ts";
import { createPictureStore } from "../store/pictures.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { StorageState } from "./storage_state.ts";

Deno.test("failures are told newest first, five at most, and for a day", async () => {
  await using scene = await open();
  for (let n = 1; n <= 7; n++) scene.state.failed(`store ${n}.png`, new Error("no space left"));
  const { failures } = await scene.state.report();
  assert.deepEqual(failures.map(({ what }) => what), [7, 6, 5, 4, 3].map((n) => `store ${n}.png`));
  assert.equal(failures[0]!.reason, "no space left");
  await scene.clock.pass(24 * 60 * 60_000);
  assert.deepEqual((await scene.state.report()).failures, []);
});

Deno.test("totals are added up again after half a minute, and what waits for the bucket at once", async () => {
  await using scene = await open();
  assert.equal((await scene.state.report()).pictures, 0);
  await scene.add("a.png");
  const soon = await scene.state.report();
  assert.deepEqual([soon.pictures, soon.pendingUploads], [0, 1]);
  await scene.clock.pass(30_000);
  const later = await scene.state.report();
  assert.deepEqual([later.pictures, later.bytes], [1, 100]);
});

async function open() {
  const clock = new FakeClock();
  const db = await openDatabase(sqliteDialect(":memory:"));
  const store = createPictureStore(db);
  return {
    clock,
    state: new StorageState({ clock, store }),
    add: (name: string) =>
      store.add({
        ...{ name, time: clock.now(), type: "image/png", bytes: 100, width: 8, height: 8, hash: "aa" },
        ...{ prompt: "", model: "", provider: "", task: "", client: "", requestId: "" },
        ...{ onDisk: true, uploadWanted: true },
      }),
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}
