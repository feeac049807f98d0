import assert from "node:assert/strict";
import { join } from "node:path";
import { readVariable, readVariables } from "./environment.ts";
import { scratch } from "./test_kit.ts";

Deno.test("a .env file in the working folder is read, and the process's variables win over it", async () => {
  await using place = await scratch();
  await Deno.writeTextFile(
    join(place.folder, ".env"),
    `\uFEFFPORT=1234\nHOST='127.0.0.1' # here\n\nLOG_LEVEL=debug\n`,
  );
  const variables = readVariables({ PORT: "99", LOG_LEVEL: "", OTHER: undefined }, place.folder);
  assert.deepEqual(variables, { PORT: "99", HOST: "127.0.0.1", LOG_LEVEL: "debug" });
});

Deno.test("a variable of the process wins over the file form of it in .env, and the other way round", async () => {
  await using place = await scratch();
  await Deno.writeTextFile(join(place.folder, ".env"), "SECRET_KEY_FILE=/run/secret\nHOST=from-dotenv\n");
  const variables = readVariables({ SECRET_KEY: "direct", HOST_FILE: "host.txt" }, place.folder);
  assert.deepEqual(variables, { SECRET_KEY: "direct", HOST_FILE: "host.txt" });
});

Deno.test("NAME_FILE gives the trimmed content of a file, looked for from the working folder on", async () => {
  await using place = await scratch();
  await Deno.writeTextFile(join(place.folder, "secret.txt"), "\n  s3cret \n");
  const read = (variables: Record<string, string>) => readVariable(variables, "SECRET_KEY", place.folder);
  assert.deepEqual(read({ SECRET_KEY_FILE: "secret.txt" }), { ok: true, value: "s3cret" });
  assert.deepEqual(read({ SECRET_KEY_FILE: join(place.folder, "secret.txt") }), {
    ok: true,
    value: "s3cret",
  });
  assert.deepEqual(read({}), { ok: true, value: undefined });
});

Deno.test("both forms of a variable at once, and a file that is not there, are faults", async () => {
  await using place = await scratch();
  const both = readVariable({ SECRET_KEY: "a-secret", SECRET_KEY_FILE: "x" }, "SECRET_KEY", place.folder);
  assert.deepEqual(both, {
    ok: false,
    where: "SECRET_KEY_FILE",
    found: "both SECRET_KEY and SECRET_KEY_FILE",
    expected: "only one of the two",
  });
  assert.equal(readVariable({ SECRET_KEY_FILE: "missing" }, "SECRET_KEY", place.folder).ok, false);
});
