/** The data folder of a gateway that has run for a month: many requests, made by the database itself, and many keys. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { startGateway } from "../src/testing/gateway.ts";

/** How much there is. */
export interface LargeHistory {
  requests: number;
  keys: number;
  /** Until when requests came, in ms since the epoch; those of the month before it. */
  until: number;
}

const MONTH = 30 * 24 * 60 * 60_000;
/** One key in so many rests. */
const RESTING = 40;

/** Fills the stores of a new folder. A gateway that starts over it counts the history, as after an upgrade. */
export async function largeHistory(
  { requests, keys, until }: LargeHistory,
): Promise<AsyncDisposable & { dataDir: string }> {
  const dataDir = await Deno.makeTempDir({ prefix: "imgrouter-large-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(dataDir, { recursive: true }));
  {
    await using gateway = await startGateway({ dataDir });
    await gateway.app.stores.keys.add(Array.from({ length: keys }, (_, index) => ({
      provider: "OpenAI",
      key: `sk-proj-${index.toString().padStart(8, "0")}${"x".repeat(32)}`,
      name: `key-${index}`,
    })));
  }
  fill(join(dataDir, "imgrouter.db"), requests, until);
  const held = stack.move();
  return { dataDir, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** One request in eleven fails, one in seven needs two calls, and one in five has no known price. */
function fill(path: string, requests: number, until: number): void {
  using db = new DatabaseSync(path);
  db.function("pick", { varargs: true }, (at, ...values) => values[Number(at) % values.length]!);
  db.exec(`
    begin;
    create temp table made as
      with recursive n(i) as (select 0 union all select i + 1 from n where i + 1 < ${requests})
      select
        i,
        'req_' || printf('%08d', i) as id,
        ${until} - cast(i * (${MONTH}.0 / ${requests}) as integer) - 1 as time,
        pick(i, 'OpenAI', 'Gemini', 'OpenAI', 'Doubao', 'Gemini', 'OpenAI', 'Replicate', 'fal', 'Gitee') as provider,
        pick(i, 'gpt-image-1', 'gemini-2.5-flash-image', 'gpt-image-1-mini', 'doubao-seedream-4-0-250828',
          'gemini-3-pro-image-preview', 'gpt-image-1', 'black-forest-labs/flux-schnell', 'fal-ai/flux/dev',
          'z-image-turbo') as model,
        case when i % 11 = 3 then pick(i, 'refused', 'timed_out', 'rate_limited', 'overloaded') else 'ok' end
          as outcome,
        2000 + (i * 7919) % 14000 as ms,
        1 + i % 3 as images
      from n;
    insert into requests
      select id, time, pick(i, 'generate', 'generate', 'edit', 'blend'), model, provider, model,
        pick(i, 'relay', 'shop', 'web site', 'blog'),
        case outcome when 'ok' then 200 when 'refused' then 400 else 503 end, outcome,
        case when outcome <> 'ok' then 'The provider said: ' || outcome end,
        case when outcome = 'ok' then images else 0 end, ms,
        case when outcome = 'ok' and i % 5 <> 0 then images * 0.04 end,
        'a ' || pick(i, 'red fox in the snow', 'quiet harbour at dawn', 'lighthouse', 'city of glass') || ' number ' || i,
        '[]'
      from made;
    insert into attempts
      select id, 0, provider, model, 'key-' || (i % 100), 'rate_limited', 429, 20, 400, 'Slow down', null
      from made where i % 7 = 2;
    insert into attempts
      select id, case when i % 7 = 2 then 1 else 0 end, provider, model, 'key-' || ((i + 1) % 100), outcome,
        case outcome when 'ok' then 200 when 'refused' then 400 else 503 end,
        case when i % 7 = 2 then 450 else 20 end, ms - 500, null,
        case when outcome = 'ok' and i % 5 <> 0 then images * 0.04 end
      from made;
    update provider_keys set resting_until = ${until} + 600000 + rowid * 1000, rested_at = ${until}, strikes = 1,
      rest_reason = 'rate_limited: Rate limit reached for requests'
      where rowid % ${RESTING} = 0;
    commit;`);
}
