import assert from "node:assert/strict";
import { join } from "node:path";
import { permissionFlags } from "./permissions.ts";
import { scratch } from "./test_kit.ts";

const SCRIPT = new URL("./permissions.ts", import.meta.url).pathname;

Deno.test("the working folder is read, and the data folder read and written", () => {
  assert.deepEqual(permissionFlags({}, "/srv/gateway"), {
    ok: true,
    flags: ["--allow-read=/srv/gateway,/srv/gateway/data", "--allow-write=/srv/gateway/data"],
  });
});

Deno.test("a data folder elsewhere and files of secrets are opened up, files of other programs are not", () => {
  const env = {
    DATA_DIR: "/var/lib/gateway",
    OPENAI_API_KEY_FILE: "/run/secrets/openai",
    SECRET_KEY_FILE: "secret.txt",
    SSL_CERT_FILE: "/etc/certificates",
  };
  assert.deepEqual(permissionFlags(env, "/srv"), {
    ok: true,
    flags: [
      "--allow-read=/srv,/var/lib/gateway,/run/secrets/openai,/srv/secret.txt",
      "--allow-write=/var/lib/gateway",
    ],
  });
});

Deno.test(".env counts as it does for the configuration", async () => {
  await using place = await scratch();
  await Deno.writeTextFile(join(place.folder, ".env"), "DATA_DIR=/elsewhere\n");
  const flags = permissionFlags({}, place.folder);
  assert.ok(flags.ok && flags.flags[1] === "--allow-write=/elsewhere");
});

Deno.test("blanks in the path of the working folder do no harm, elsewhere they are told", () => {
  assert.deepEqual(permissionFlags({}, "/srv/my gateway"), {
    ok: true,
    flags: ["--allow-read=.,data", "--allow-write=data"],
  });
  const refused = permissionFlags({ DATA_DIR: "/srv/my data" }, "/srv");
  assert.deepEqual(refused, {
    ok: false,
    fault: "DATA_DIR: found blanks or a comma, expected a path without",
  });
  assert.equal(permissionFlags({ DATA_DIR: "a,b" }, "/srv").ok, false);
});

async function runTask(folder: string, env: Record<string, string>) {
  const start = `deno run --no-prompt $(deno run -R -E ${SCRIPT}) main.ts`;
  await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify({ tasks: { start } }));
  await Deno.writeTextFile(
    join(folder, "main.ts"),
    `const state = (name: "read" | "write", path: string) => Deno.permissions.querySync({ name, path }).state;
     console.log([state("read", "."), state("read", "/"), state("write", "data/x"), state("write", ".")].join());`,
  );
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "start"],
    cwd: folder,
    env: { NO_COLOR: "1", DATA_DIR: "", ...env },
  }).output();
  return { code, out: new TextDecoder().decode(stdout).trim(), errors: new TextDecoder().decode(stderr) };
}

Deno.test("a task takes the printed flags as its own, also in a folder with blanks", async () => {
  await using place = await scratch();
  const blank = join(place.folder, "a folder");
  await Deno.mkdir(blank);
  for (const folder of [place.folder, blank]) {
    const { code, out } = await runTask(folder, {});
    assert.deepEqual([code, out], [0, "granted,prompt,granted,prompt"]);
  }
});

Deno.test("a task whose flags can't be told ends with 2 and says why, without running the program", async () => {
  await using place = await scratch();
  const { code, out, errors } = await runTask(place.folder, { DATA_DIR: "/my data" });
  assert.deepEqual([code, out], [2, ""]);
  assert.match(errors, /DATA_DIR: found blanks or a comma/);
});
