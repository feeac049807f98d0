import assert from "node:assert/strict";
import fc from "fast-check";
import { configureLog, logger, type LogOptions, parseLevel, withRequestId } from "./log.ts";

Deno.test("a line tells time, level, module, request and fields", async () => {
  await using test = start();
  withRequestId(
    "req_abc",
    () => logger("routing").info("Asked {provider}", { provider: "Gitee", ms: 12, note: "a b" }),
  );
  assert.match(
    test.lines[0]!,
    /^\d{4}-\d\d-\d\dT[\d:.]{12}Z INFO {2}\[routing\] req_abc Asked Gitee ms=12 note="a b"$/,
  );
});

Deno.test("as JSON each entry is one object with the same", async () => {
  await using test = start({ format: "json" });
  withRequestId(
    "req_abc",
    () => logger("routing").error("Asked {provider}", { provider: "Gitee", level: "odd" }),
  );
  const { time, ...rest } = JSON.parse(test.lines[0]!);
  assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
  assert.deepEqual(rest, {
    level: "error",
    module: "routing",
    requestId: "req_abc",
    message: "Asked Gitee",
    provider: "Gitee",
    level_: "odd",
  });
});

Deno.test("a request id follows what the request causes, and no other request's", async () => {
  await using test = start({ format: "json" });
  const work = async (id: string) => {
    await new Promise((resolve) => setImmediate(resolve));
    logger("gateway").info("from {id}", { id });
  };
  await Promise.all(["a", "b", "c"].map((id) => withRequestId(id, () => work(id))));
  logger("gateway").info("from nobody");
  const seen = test.lines.map((line) => JSON.parse(line)).map((
    { requestId, message },
  ) => [requestId, message]);
  assert.deepEqual(seen, [["a", "from a"], ["b", "from b"], ["c", "from c"], [undefined, "from nobody"]]);
});

Deno.test("the level can be changed while the log runs, also for loggers taken before", async () => {
  const log = logger("early");
  await using test = start({ level: "info" });
  log.debug("unheard");
  test.log.setLevel("debug");
  log.debug("heard");
  test.log.setLevel("error");
  log.warn("unheard");
  assert.deepEqual(test.log.ring.list().map(({ message }) => message), ["heard"]);
  assert.equal(test.log.level, "error");
});

Deno.test("levels are read as people write them", () => {
  assert.deepEqual(["INFO", " warn ", "Warning", "verbose"].map(parseLevel), [
    "info",
    "warning",
    "warning",
    undefined,
  ]);
});

Deno.test("an entry is one line, whatever is in it", async () => {
  for (const format of ["text", "json"] as const) {
    await using test = start({ format });
    const text = fc.string({
      unit: fc.constantFrom("\n", "\r", "\u2028", "\u001b", "\0", "a", '"', "=", "{", "}", " "),
    });
    fc.assert(fc.property(text, text, text, (message, name, value) => {
      test.lines.length = 0;
      withRequestId(
        value || "x",
        () => logger("x").info(message, { [name]: value, error: new Error(value) }),
      );
      assert.equal(test.lines.length, 1);
      assert.doesNotMatch(test.lines[0]!, format === "text" ? /[\p{Cc}\u2028]/u : /\p{Cc}/u);
    }));
  }
});

Deno.test("an error is told with its stack and cause", async () => {
  await using test = start({ format: "json" });
  const cause = Object.assign(new TypeError("refused"), { code: "ECONNREFUSED" });
  logger("x").error("It broke", { error: new Error("no answer", { cause }) });
  const { error } = JSON.parse(test.lines[0]!);
  assert.equal(error.message, "no answer");
  assert.match(error.stack, /log_test/);
  assert.deepEqual([error.cause.name, error.cause.code], ["TypeError", "ECONNREFUSED"]);
});

Deno.test("no secret-shaped text gets into output or ring, wherever it was logged", async () => {
  const alphanumeric = (min: number, max: number) =>
    fc.string({
      unit: fc.constantFrom(..."abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"),
      minLength: min,
      maxLength: max,
    });
  const shaped = fc.tuple(
    fc.constantFrom(
      "sk-",
      "sk-newapi-",
      "hf_",
      "AIza",
      "r8_",
      "rpa_",
      "bfl_",
      "ark-",
      "ms-",
      "pk_",
      "sk_",
      "ir-",
      "Bearer ",
    ),
    alphanumeric(16, 80),
  );
  const surroundings = fc.constantFrom("", " ", '"', "'", "\n", "(", "a: ", "/", "…", "\\");
  for (const format of ["text", "json"] as const) {
    await using test = start({ format });
    fc.assert(fc.property(shaped, surroundings, surroundings, ([prefix, secret], before, after) => {
      const text = `${before}${prefix}${secret}${after}`;
      const error = new AggregateError([new Error(text)], text, {
        cause: new Error(text, { cause: { text } }),
      });
      const entry = {
        text,
        list: [text, [text]],
        [text]: 1,
        deep: { deep: { error } },
        map: new Map([[text, text]]),
      };
      const afterId = test.log.ring.nextId - 1;
      test.lines.length = 0;
      withRequestId(text, () => {
        logger("x").info(`${text} {text} {error}`, { ...entry, error });
        logger("x").warn`${text} and ${entry}`;
      });
      const kept = test.lines.join("\n") + JSON.stringify(test.log.ring.list({ afterId }));
      assert.equal(test.lines.length, 2);
      for (let i = 0; i + 8 <= secret.length; i++) {
        assert.ok(!kept.includes(secret.slice(i, i + 8)), `${secret.slice(i, i + 8)} in ${kept}`);
      }
    }));
  }
});

Deno.test("keys without a shape are hidden in fields that are named so", async () => {
  await using test = start({ format: "json" });
  const uuid = "0c6f3f0e-7a11-4a6f-9b0e-2f0c9f2e0d55";
  logger("x").info("Signed in with {password} and {auth}", {
    password: uuid,
    auth: { a: "xyz" },
    nested: { apiKey: [uuid] },
  });
  assert.ok(!test.lines[0]!.includes("2f0c9f2e0d55") && !test.lines[0]!.includes("xyz"), test.lines.join());
});

function start(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = configureLog({ level: "info", format: "text", write: (line) => lines.push(line), ...options });
  return { lines, log, [Symbol.asyncDispose]: () => log[Symbol.asyncDispose]() };
}
