/** What holders of gateway keys have used, against what they may: requests a minute, images and US-dollars a day and month. */
import type { Clock } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import type { Client } from "./caller.ts";

/** An amount of use. */
export interface Use {
  requests: number;
  images: number;
  usd: number;
}

/** Where use is kept between restarts. */
export interface UsageStore {
  addUsage(clientId: string, at: number, use: Use): Promise<void>;
  /** Use of the days from `from` to `to`, both UTC dates `YYYY-MM-DD`. */
  usage(clientId: string, from: string, to: string): Promise<(Use & { day: string })[]>;
}

interface Counted {
  day: string;
  today: Use;
  /** The days of this month before today. */
  earlier: Use;
  minute: { start: number; requests: number };
}

const MINUTE = 60_000;

/** Counts in memory, so that a check waits for nothing, and writes behind. */
export class Budget {
  #clients = new Map<string, Counted>();

  constructor(
    private readonly options: { clock: Clock; store: UsageStore; onError: (error: unknown) => void },
  ) {}

  /** Reads what `clientId` has used this month; once, before its first request is checked. */
  async load(clientId: string): Promise<void> {
    if (this.#clients.has(clientId)) return;
    const now = this.options.clock.now();
    const day = dayOf(now);
    const days = await this.options.store.usage(clientId, `${day.slice(0, 7)}-01`, day);
    if (this.#clients.has(clientId)) return;
    this.#clients.set(clientId, {
      day,
      today: total(days.filter((entry) => entry.day === day)),
      earlier: total(days.filter((entry) => entry.day !== day)),
      minute: { start: now, requests: 0 },
    });
  }

  /**
   * Sets `images` aside for a request of `client`, so that requests side by side can't pass a limit together.
   * Gives the function that tells what was used in the end.
   * @throws Failed `rate_limited` with the time until the limit ends
   */
  reserve(client: Client, images: number): (used: { images: number; usd: number }) => void {
    const { id } = client;
    if (!id) return () => {};
    const now = this.options.clock.now();
    const counted = this.#counted(id, now);
    checkLimits(client, counted, images, now);
    counted.minute.requests++;
    counted.today.images += images;
    return (used) => {
      const at = this.options.clock.now();
      const { today } = this.#counted(id, at);
      today.images = Math.max(0, today.images + used.images - images);
      today.usd += used.usd;
      today.requests++;
      this.options.store.addUsage(id, at, { requests: 1, ...used }).catch(this.options.onError);
    };
  }

  #counted(clientId: string, now: number): Counted {
    const day = dayOf(now);
    const counted = this.#clients.get(clientId) ??
      { day, today: total([]), earlier: total([]), minute: { start: now, requests: 0 } };
    if (counted.day !== day) {
      const isSameMonth = counted.day.slice(0, 7) === day.slice(0, 7);
      counted.earlier = isSameMonth ? total([counted.earlier, counted.today]) : total([]);
      counted.today = total([]);
      counted.day = day;
    }
    if (now >= counted.minute.start + MINUTE) counted.minute = { start: now, requests: 0 };
    this.#clients.set(clientId, counted);
    return counted;
  }
}

function checkLimits(client: Client, { minute, today, earlier }: Counted, images: number, now: number): void {
  const { requestsPerMinute = Infinity, imagesPerDay = Infinity, imagesPerMonth = Infinity } = client;
  const { usdPerDay = Infinity, usdPerMonth = Infinity } = client;
  const dayLeft = startOfNext(now, "day") - now;
  const monthLeft = startOfNext(now, "month") - now;
  if (minute.requests >= requestsPerMinute) {
    throw reached(`${requestsPerMinute} requests a minute`, minute.start + MINUTE - now);
  }
  if (today.images + images > imagesPerDay) throw reached(`${imagesPerDay} images a day`, dayLeft);
  if (today.images + earlier.images + images > imagesPerMonth) {
    throw reached(`${imagesPerMonth} images a month`, monthLeft);
  }
  if (today.usd >= usdPerDay) throw reached(`${usdPerDay} US-dollars a day`, dayLeft);
  if (today.usd + earlier.usd >= usdPerMonth) throw reached(`${usdPerMonth} US-dollars a month`, monthLeft);
}

function reached(limit: string, leftMs: number): Failed {
  return new Failed({
    kind: "rate_limited",
    code: "client_limit_reached",
    message: `This key is limited to ${limit}; it is free again in ${Math.ceil(leftMs / 1000)} s`,
    retryAfterMs: leftMs,
  });
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function startOfNext(time: number, unit: "day" | "month"): number {
  const date = new Date(time);
  return unit === "day"
    ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + 1)
    : Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

function total(uses: Use[]): Use {
  return uses.reduce(
    (sum, use) => ({
      requests: sum.requests + use.requests,
      images: sum.images + use.images,
      usd: sum.usd + use.usd,
    }),
    { requests: 0, images: 0, usd: 0 },
  );
}
