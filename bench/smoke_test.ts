/** The bench runs from end to end, in small. How fast anything is, is no question here. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { missingTools } from "./bench.ts";
import { casesAt, TINY } from "./cases.ts";
import { PLAN_AND_LEASE } from "./micro.ts";
import { selfTimes } from "./profile.ts";
import { median, percentile } from "./statistics.ts";

const BENCH = join(import.meta.dirname!, "bench.ts");
const missing = Deno.build.os === "linux" ? await missingTools() : "the bench runs on Linux alone";
const isCi = Boolean(Deno.env.get("CI"));
if (missing && !isCi) console.warn(`The smoke run of the bench is left out. ${missing}`);

Deno.test({
  name: "the bench gives replies without errors in every case, and writes its page and its chart",
  ignore: missing !== undefined && !isCi,
  fn: async () => {
    equal(missing, undefined);
    const out = await Deno.makeTempDir({ prefix: "imgrouter-smoke-" });
    try {
      // A process of its own: reading /proc takes permissions that tests have no other use for.
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", "-A", BENCH, "--tiny", "--rounds", "1", "--seconds", "0.1", "--out", out],
      }).output();
      const printed = new TextDecoder().decode(stdout);
      ok(success, printed + new TextDecoder().decode(stderr));
      const page = await Deno.readTextFile(join(out, "RESULTS.md"));
      const parts = ["**Machine:**", "## Goals", ...casesAt(TINY).map(({ title }) => title), PLAN_AND_LEASE];
      deepEqual(parts.filter((part) => !page.includes(part)), []);
      match(await Deno.readTextFile(join(out, "results.svg")), /^<svg[^]*4 MB, 8 connections[^]*<\/svg>\n$/);
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
});

Deno.test("a profile gives functions by their own time, without idle time", () => {
  const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 9 });
  const [first, second, ...rest] = selfTimes({
    nodes: [
      { id: 1, callFrame: frame("(idle)") },
      { id: 2, callFrame: frame("slow", "file:///home/me/imgrouter/src/core/media.ts") },
      { id: 3, callFrame: frame("quick") },
    ],
    samples: [1, 2, 3, 2],
    timeDeltas: [5000, 2000, 1000, 1000],
  });
  deepEqual(first, { name: "slow", place: "src/core/media.ts:10", ms: 3, share: 0.75 });
  deepEqual(second, { name: "quick", place: "", ms: 1, share: 0.25 });
  deepEqual(rest, []);
});

Deno.test("medians and percentiles are taken by size, and of nothing there are none", () => {
  deepEqual([median([10, 9, 100]), median([4, 1, 3, 2]), median([])], [10, 2.5, NaN]);
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  deepEqual([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile([], 0.5)], [51, 100, NaN]);
});
