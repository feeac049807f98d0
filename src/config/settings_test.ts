import fc from "fast-check";
import assert from "node:assert/strict";
import type { Clock } from "../core/clock.ts";
import { systemClock } from "../core/clock.ts";
import type { Fault } from "./fault.ts";
import { isObject, type JsonObject, valueAt } from "./json_object.ts";
import type { LoadOptions } from "./load.ts";
import { Settings, SettingsDamaged, SettingsRejected, StaleRevision } from "./settings.ts";
import { IMG_ROUTER_FILE, type Scratch, scratch } from "./test_kit.ts";

async function settingsIn(place: Scratch, env?: LoadOptions["env"]): Promise<Settings> {
  return new Settings(await place.loaded(env));
}

Deno.test("a change is in force, in the file, and told to whoever subscribed", async () => {
  await using place = await scratch();
  const settings = await settingsIn(place);
  const told: [number, number][] = [];
  const subscription = settings.subscribe((now, before) =>
    told.push([before.system.apiTimeout, now.system.apiTimeout])
  );
  const revision = await settings.update({ system: { apiTimeout: 5 } });
  assert.equal(settings.current.system.apiTimeout, 5);
  assert.equal(settings.origins["system.apiTimeout"], "file");
  assert.equal(settings.revision, revision);
  assert.deepEqual(await place.read(), { system: { apiTimeout: 5 } });
  assert.equal((await Deno.stat(place.file)).mode! & 0o777, 0o600);

  subscription[Symbol.dispose]();
  await settings.update((file) => void (file.routing = { maxRetries: 1 }));
  assert.equal(settings.current.routing.maxRetries, 1);
  assert.deepEqual(told, [[60_000, 5]]);
});

Deno.test("null takes a setting back to its default", async () => {
  await using place = await scratch();
  await place.write({ system: { apiTimeout: 5, other: 1 } });
  const settings = await settingsIn(place);
  await settings.update({ system: { apiTimeout: null } });
  assert.equal(settings.current.system.apiTimeout, 60_000);
  assert.deepEqual(await place.read(), { system: { other: 1 } });
});

Deno.test("a change reaches a provider whatever the file calls it", async () => {
  await using place = await scratch();
  await place.write({ providers: { bfl: { timeout: 1, mine: true } } });
  const settings = await settingsIn(place);
  await settings.update({ providers: { BlackForestLabs: { timeout: 2 } } });
  assert.equal(settings.current.providers.BlackForestLabs?.timeout, 2);
  assert.deepEqual(await place.read(), { providers: { BlackForestLabs: { timeout: 2, mine: true } } });
});

Deno.test("a variable stays on top after a change and after an edit", async () => {
  await using place = await scratch();
  const settings = await settingsIn(place, { LOG_LEVEL: "error" });
  await settings.update({ system: { logLevel: "debug" } });
  assert.equal(settings.current.system.logLevel, "error");
  await place.write({ system: { logLevel: "info", cors: false } });
  assert.deepEqual(await settings.reload(), []);
  assert.equal(settings.current.system.logLevel, "error");
  assert.equal(settings.origins["system.logLevel"], "environment");
  assert.equal(settings.current.system.cors, false);
});

Deno.test("a faulty change is refused with its faults, and nothing is written or told", async () => {
  await using place = await scratch();
  await place.write({ system: { port: 1 } });
  const settings = await settingsIn(place);
  settings.subscribe(() => assert.fail("nothing changed"));
  await assert.rejects(
    settings.update({ system: { port: 70_000 } }),
    (error) => error instanceof SettingsRejected && error.faults[0]?.path === "system.port",
  );
  assert.deepEqual(await place.read(), { system: { port: 1 } });
  assert.equal(settings.current.system.port, 1);
});

Deno.test("a change made for an older state of the file is refused", async () => {
  await using place = await scratch();
  const settings = await settingsIn(place);
  const first = settings.revision;
  await settings.update({ system: { cors: false } }, { ifRevision: first });
  await assert.rejects(
    settings.update({ system: { cors: true } }, { ifRevision: first }),
    (error) => error instanceof StaleRevision && error.revision === settings.revision,
  );
  assert.equal(settings.current.system.cors, false);

  const second = settings.revision;
  await place.write({ system: { cors: true } });
  await assert.rejects(settings.update({}, { ifRevision: second }), StaleRevision);
});

Deno.test("a change is made to the file as it is on disk, also before an edit of it was noticed", async () => {
  await using place = await scratch();
  const settings = await settingsIn(place);
  await place.write({ system: { cors: false } });
  await settings.update({ routing: { maxRetries: 9 } });
  assert.deepEqual(await place.read(), { system: { cors: false }, routing: { maxRetries: 9 } });
  assert.equal(settings.current.system.cors, false);
});

Deno.test("changes made at the same time all count", async () => {
  await using place = await scratch();
  const settings = await settingsIn(place);
  await Promise.all(Array.from({ length: 8 }, (_, i) => settings.update({ [`member${i}`]: i })));
  assert.equal(Object.keys(await place.read() as object).length, 8);
});

Deno.test("a damaged file is not overwritten by a change", async () => {
  await using place = await scratch();
  await place.write({ system: { port: 1 } });
  const settings = await settingsIn(place);
  await place.write('{"system": {"port": 2');
  await assert.rejects(settings.update({ system: { cors: false } }), SettingsDamaged);
  assert.equal(await Deno.readTextFile(place.file), '{"system": {"port": 2');
  assert.equal(settings.current.system.port, 1);
});

Deno.test("a faulty edit is told and leaves the last good settings in force until it is mended", async () => {
  await using place = await scratch();
  const settings = await settingsIn(place);
  await place.write({ system: { cors: "perhaps" } });
  assert.equal((await settings.reload())[0]?.path, "system.cors");
  assert.equal(settings.lastFaults.length, 1);
  assert.equal(settings.current.system.cors, true);
  await place.write({ system: { cors: false } });
  assert.deepEqual(await settings.reload(), []);
  assert.deepEqual(settings.lastFaults, []);
  assert.equal(settings.current.system.cors, false);
});

Deno.test("a file that was taken away leaves its settings in force, and is written again with the next change", async () => {
  await using place = await scratch();
  await place.write({ system: { cors: false }, mine: 1 });
  const settings = await settingsIn(place);
  await Deno.remove(place.file);
  assert.equal((await settings.reload())[0]?.found, "no file");
  assert.equal(settings.current.system.cors, false);
  await settings.update({ routing: { maxRetries: 1 } });
  assert.deepEqual(await place.read(), { system: { cors: false }, mine: 1, routing: { maxRetries: 1 } });
});

Deno.test("a file that can't be read any more is a fault, and its settings stay in force", async () => {
  await using place = await scratch();
  await place.write({ system: { cors: false } });
  const settings = await settingsIn(place);
  await Deno.remove(place.file);
  await Deno.mkdir(place.file);
  assert.equal((await settings.reload())[0]?.found, "a file that can't be read");
  assert.equal(settings.current.system.cors, false);
});

Deno.test("work on the file itself is done alone, and its result taken over", async () => {
  await using place = await scratch();
  const settings = await settingsIn(place);
  const given = settings.exclusively(async () => {
    await place.write({ system: { cors: false } });
    return "done";
  });
  const updated = settings.update({ mine: 1 });
  assert.equal(await given, "done");
  await updated;
  assert.deepEqual(await place.read(), { system: { cors: false }, mine: 1 });
});

Deno.test("work on the file that fails does not hold up what comes after", async () => {
  await using place = await scratch();
  const settings = await settingsIn(place);
  await assert.rejects(settings.exclusively(() => Promise.reject(new Error("no"))), /no/);
  await settings.update({ system: { cors: false } });
  assert.equal(settings.current.system.cors, false);
});

/** Looks again and again without a pause. */
const hasty: Clock = { ...systemClock, sleep: () => Promise.resolve() };

Deno.test("watch() takes over edits of every kind, tells faults once, and ignores our own writes", async () => {
  await using place = await scratch();
  await place.write({ system: { apiTimeout: 1 } });
  const settings = await settingsIn(place);
  const waiting: (() => void)[] = [];
  const next = () => new Promise<void>((resolve) => waiting.push(resolve));
  const tell = () => waiting.splice(0).forEach((resolve) => resolve());
  let changes = 0;
  using _ = settings.subscribe(() => {
    changes++;
    tell();
  });
  const faults: Fault[][] = [];
  const stop = new AbortController();

  await place.write({ system: { apiTimeout: 2 } });
  let heard = next();
  const watching = settings.watch(stop.signal, {
    clock: hasty,
    onFault: (found) => {
      if (found[0]?.found === "an empty file") return; // seen between truncating and writing
      faults.push(found);
      tell();
    },
  });
  await heard;
  assert.equal(settings.current.system.apiTimeout, 2, "an edit made before watching began");

  heard = next();
  // Of another size, as its time may be the same.
  await place.write({ system: { apiTimeout: 30 } });
  await heard;
  assert.equal(settings.current.system.apiTimeout, 30, "written in place");

  heard = next();
  await Deno.writeTextFile(`${place.file}~`, '{"system": {"apiTimeout": 4}}');
  await Deno.rename(`${place.file}~`, place.file);
  await heard;
  assert.equal(settings.current.system.apiTimeout, 4, "replaced");

  heard = next();
  await Deno.writeTextFile(`${place.file}~`, "{ broken");
  await Deno.rename(`${place.file}~`, place.file);
  await heard;
  assert.equal(settings.current.system.apiTimeout, 4);
  assert.equal(settings.lastFaults.length, 1);

  await Deno.writeTextFile(place.file, "{}");
  await settings.reload();
  const before = changes;
  await settings.update({ system: { apiTimeout: 5 } });
  heard = next();
  await Deno.writeTextFile(`${place.file}~`, '{"system": {"apiTimeout": 6}}');
  await Deno.rename(`${place.file}~`, place.file);
  await heard;
  assert.equal(settings.current.system.apiTimeout, 6);
  assert.equal(changes, before + 2, "our own write counted once");
  assert.equal(faults.length, 1);

  stop.abort();
  await watching;
});

Deno.test("watch() ends at once when it is told to before it began", async () => {
  await using place = await scratch();
  await (await settingsIn(place)).watch(AbortSignal.abort());
});

Deno.test("members that we don't know survive any change", async () => {
  const unknown = fc.dictionary(
    fc.string({ minLength: 1 }).filter((name) => !["system", "providers", "routing"].includes(name)),
    fc.jsonValue(),
    { maxKeys: 4 },
  );
  const change = fc.record({
    system: fc.record({ cors: fc.boolean(), port: fc.constantFrom(1, 2, null) }, { requiredKeys: [] }),
    routing: fc.record({ strategy: fc.constantFrom("cost", "quality") }, { requiredKeys: [] }),
    providers: fc.record({ OpenAI: fc.record({ timeout: fc.integer({ min: 1 }) }) }, { requiredKeys: [] }),
  }, { requiredKeys: [] });
  await using place = await scratch();
  await fc.assert(
    fc.asyncProperty(unknown, unknown, unknown, change, async (top, inSystem, inProvider, patch) => {
      const kept = { ...top, keyPools: {}, storage: { extra: top }, history: {}, security: {} };
      // Known members would be settings; here they only get in the way.
      for (const name of ["dataDir", "secretKey"]) Reflect.deleteProperty(kept, name);
      const file = {
        ...kept,
        system: { mine: inSystem },
        providers: { openai: { mine: inProvider }, Stranger: inProvider },
      };
      const before: JsonObject = JSON.parse(JSON.stringify(file));
      await place.write(before);
      const settings = await settingsIn(place);
      await settings.update(patch as JsonObject);
      const after = await place.read();
      for (const [name, value] of Object.entries(before)) {
        if (name !== "system" && name !== "providers") assert.deepEqual(valueAt(after, [name]), value);
      }
      assert.deepEqual(valueAt(after, ["system", "mine"]), valueAt(before, ["system", "mine"]));
      assert.deepEqual(
        valueAt(after, ["providers", "OpenAI", "mine"]),
        valueAt(before, ["providers", "openai", "mine"]),
      );
      assert.deepEqual(valueAt(after, ["providers", "Stranger"]), valueAt(before, ["providers", "Stranger"]));

      const again = await place.loaded();
      assert.deepEqual(
        again.config,
        settings.current,
        "valid settings stay valid, and the same, through the file",
      );
      assert.equal(again.revision, settings.revision);
    }),
    { numRuns: 60 },
  );
});

Deno.test("an img-router file keeps all it holds through a change", async () => {
  await using place = await scratch();
  await place.write(IMG_ROUTER_FILE);
  const settings = await settingsIn(place);
  await settings.update({ system: { cors: false } });
  const { huggingface, ...providers } = IMG_ROUTER_FILE.providers;
  assert.deepEqual(await place.read(), {
    ...IMG_ROUTER_FILE,
    system: { ...IMG_ROUTER_FILE.system, cors: false },
    providers: { ...providers, HuggingFace: huggingface },
  });
  assert.ok(isObject(await place.read()));
});
