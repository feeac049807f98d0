import assert from "node:assert/strict";
import { sqliteDialect } from "../platform/sqlite.ts";
import { openDatabase } from "./database.ts";
import { createFacets } from "./facets.ts";
import { createHistory } from "./history.ts";

Deno.test("each value there is comes once, in order, and absent ones do not", async () => {
  const db = await openDatabase(sqliteDialect(":memory:"));
  const history = createHistory(db, {
    onError: (error) => {
      throw error;
    },
  });
  for (let n = 0; n < 500; n++) {
    history.record({
      ...{ id: `r${n}`, time: n, task: "generate", model: "auto", client: ["shop", "chat"][n % 2]! },
      ...{ provider: n % 7 ? ["OpenAI", "Gitee"][n % 2] : undefined, usedModel: `m${n % 3}`, status: 200 },
      ...{ outcome: "ok", images: 1, durationMs: 1, prompt: "", notes: [] },
    }, []);
  }
  await history.flush();
  const facets = createFacets(db);
  assert.deepEqual(await facets.requests(), {
    providers: ["Gitee", "OpenAI"],
    models: ["m0", "m1", "m2"],
    clients: ["chat", "shop"],
  });
  assert.deepEqual(await facets.pictures(), { providers: [], models: [], clients: [], tasks: [] });
  await history[Symbol.asyncDispose]();
  await db.destroy();
});
