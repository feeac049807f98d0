import assert from "node:assert/strict";
import { Failed } from "../core/failure.ts";
import { FakeClock } from "../testing/fake_clock.ts";
import { Budget, type UsageStore, type Use } from "./budget.ts";
import type { Client } from "./caller.ts";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
/** The FakeClock begins at noon. */
const UNTIL_MIDNIGHT = 12 * HOUR;

const client = (limits: Partial<Client> = {}): Client => ({
  id: "client-1",
  name: "Ada",
  models: [],
  providers: [],
  ...limits,
});

class MemoryUsage implements UsageStore {
  days = new Map<string, Use>();
  asked: string[] = [];
  failing = false;

  addUsage(_clientId: string, at: number, use: Use): Promise<void> {
    if (this.failing) return Promise.reject(new Error("disk full"));
    const day = new Date(at).toISOString().slice(0, 10);
    const before = this.days.get(day) ?? { requests: 0, images: 0, usd: 0 };
    this.days.set(day, {
      requests: before.requests + use.requests,
      images: before.images + use.images,
      usd: before.usd + use.usd,
    });
    return Promise.resolve();
  }

  usage(clientId: string, from: string, to: string): Promise<(Use & { day: string })[]> {
    this.asked.push(`${clientId} ${from} ${to}`);
    const days = [...this.days].filter(([day]) => day >= from && day <= to);
    return Promise.resolve(days.map(([day, use]) => ({ day, ...use })));
  }
}

function setting(stored: Record<string, Partial<Use>> = {}, clock = new FakeClock()) {
  const store = new MemoryUsage();
  for (const [day, use] of Object.entries(stored)) {
    store.days.set(day, { requests: 0, images: 0, usd: 0, ...use });
  }
  const errors: unknown[] = [];
  const budget = new Budget({ clock, store, onError: (error) => void errors.push(error) });
  return { budget, clock, store, errors };
}

function refusal(budget: Budget, client: Client, images = 1) {
  try {
    budget.reserve(client, images);
  } catch (thrown) {
    if (thrown instanceof Failed) return thrown.failure;
    throw thrown;
  }
  assert.fail("the request was let through");
}

/** One request that made all its images. */
function spend(budget: Budget, client: Client, images: number, usd = 0): void {
  budget.reserve(client, images)({ images, usd });
}

Deno.test("a client without limits is never refused", () => {
  const { budget } = setting();
  for (let count = 0; count < 1000; count++) spend(budget, client(), 10, 5);
});

Deno.test("requests a minute are limited, and the time until the next is told", async () => {
  const { budget, clock } = setting();
  const limited = client({ requestsPerMinute: 2 });
  spend(budget, limited, 1);
  await clock.pass(20_000);
  spend(budget, limited, 1);
  const { kind, code, retryAfterMs, message } = refusal(budget, limited);
  assert.deepEqual([kind, code, retryAfterMs], ["rate_limited", "client_limit_reached", 40_000]);
  assert.equal(message, "This key is limited to 2 requests a minute; it is free again in 40 s");
  await clock.pass(40_000);
  spend(budget, limited, 1);
});

Deno.test("images a day are limited until midnight UTC", async () => {
  const { budget, clock } = setting();
  const limited = client({ imagesPerDay: 5 });
  spend(budget, limited, 3);
  assert.equal(refusal(budget, limited, 3).retryAfterMs, UNTIL_MIDNIGHT);
  spend(budget, limited, 2);
  refusal(budget, limited);
  await clock.pass(UNTIL_MIDNIGHT - 1);
  refusal(budget, limited);
  await clock.pass(1);
  spend(budget, limited, 5);
});

Deno.test("images a month are limited until the next one begins", async () => {
  const { budget, clock } = setting();
  const limited = client({ imagesPerMonth: 30 });
  for (let day = 1; day <= 30; day++) {
    spend(budget, limited, 1);
    if (day < 30) await clock.pass(DAY);
  }
  assert.equal(refusal(budget, limited).retryAfterMs, UNTIL_MIDNIGHT);
  await clock.pass(UNTIL_MIDNIGHT);
  spend(budget, limited, 30);
  refusal(budget, limited);
});

Deno.test("US-dollars a day are limited once they are spent", async () => {
  const { budget, clock } = setting();
  const limited = client({ usdPerDay: 1 });
  spend(budget, limited, 1, 0.6);
  spend(budget, limited, 1, 0.6);
  const { message, retryAfterMs } = refusal(budget, limited);
  assert.match(message, /^This key is limited to 1 US-dollars a day/);
  assert.equal(retryAfterMs, UNTIL_MIDNIGHT);
  await clock.pass(UNTIL_MIDNIGHT);
  spend(budget, limited, 1, 0.6);
});

Deno.test("US-dollars a month are limited over all its days", async () => {
  const { budget, clock } = setting();
  const limited = client({ usdPerMonth: 2 });
  for (let day = 0; day < 2; day++) {
    spend(budget, limited, 1, 1);
    await clock.pass(DAY);
  }
  assert.match(refusal(budget, limited).message, /2 US-dollars a month/);
});

Deno.test("requests side by side can't pass a limit together", () => {
  const { budget } = setting();
  const limited = client({ imagesPerDay: 4 });
  const first = budget.reserve(limited, 3);
  refusal(budget, limited, 2);
  first({ images: 1, usd: 0 });
  budget.reserve(limited, 3);
  refusal(budget, limited);
});

Deno.test("images that were not made are given back, the request counts all the same", () => {
  const { budget } = setting();
  const limited = client({ imagesPerDay: 2, requestsPerMinute: 3 });
  for (let count = 0; count < 3; count++) budget.reserve(limited, 2)({ images: 0, usd: 0 });
  assert.match(refusal(budget, limited).message, /3 requests a minute/);
});

Deno.test("a refused request uses up nothing", () => {
  const { budget, store } = setting();
  const limited = client({ imagesPerDay: 2, requestsPerMinute: 1 });
  refusal(budget, limited, 3);
  spend(budget, limited, 2);
  assert.deepEqual([...store.days.values()], [{ requests: 1, images: 2, usd: 0 }]);
});

Deno.test("clients have budgets of their own", () => {
  const { budget } = setting();
  spend(budget, client({ imagesPerDay: 1 }), 1);
  spend(budget, client({ id: "client-2", imagesPerDay: 1 }), 1);
});

Deno.test("a key from the environment is not counted", () => {
  const { budget, store } = setting();
  for (let count = 0; count < 5; count++) spend(budget, client({ id: undefined, requestsPerMinute: 1 }), 1);
  assert.equal(store.days.size, 0);
});

Deno.test("what was used before a restart counts, today's and the month's", async () => {
  const { budget, store } = setting({
    "2026-05-31": { images: 100, usd: 100 },
    "2026-06-01": { images: 3, usd: 0.5 },
  });
  await budget.load("client-1");
  assert.deepEqual(store.asked, ["client-1 2026-06-01 2026-06-01"]);
  refusal(budget, client({ imagesPerDay: 3 }));
  refusal(budget, client({ usdPerDay: 0.5 }));
  refusal(budget, client({ imagesPerMonth: 3 }));
  spend(budget, client({ imagesPerMonth: 4 }), 1);
});

Deno.test("earlier days of the month count for the month alone", async () => {
  const { budget } = setting(
    { "2026-06-01": { images: 9, usd: 9 }, "2026-06-14": { images: 1, usd: 1 } },
    new FakeClock(Date.UTC(2026, 5, 15, 8)),
  );
  await budget.load("client-1");
  assert.match(refusal(budget, client({ imagesPerMonth: 10 })).message, /10 images a month/);
  assert.match(refusal(budget, client({ usdPerMonth: 10 })).message, /10 US-dollars a month/);
  spend(budget, client({ imagesPerDay: 1, usdPerDay: 1 }), 1);
});

Deno.test("what was used is read once, and never over what was counted since", async () => {
  const { budget, store } = setting({ "2026-06-01": { images: 1 } });
  await Promise.all([budget.load("client-1"), budget.load("client-1")]);
  spend(budget, client(), 1);
  await budget.load("client-1");
  assert.ok(store.asked.length <= 2);
  refusal(budget, client({ imagesPerDay: 2 }));
});

Deno.test("use is written with the day on which it ended", async () => {
  const { budget, clock, store } = setting();
  const done = budget.reserve(client(), 2);
  await clock.pass(UNTIL_MIDNIGHT + 1);
  done({ images: 2, usd: 0.1 });
  assert.deepEqual([...store.days], [["2026-06-02", { requests: 1, images: 2, usd: 0.1 }]]);
});

Deno.test("a store that fails is reported and stops nobody", async () => {
  const { budget, store, errors, clock } = setting();
  store.failing = true;
  spend(budget, client({ imagesPerDay: 2 }), 1);
  await clock.pass(0);
  assert.match(String(errors[0]), /disk full/);
  spend(budget, client({ imagesPerDay: 2 }), 1);
  refusal(budget, client({ imagesPerDay: 2 }));
});
