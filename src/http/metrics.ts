/**
 * `GET /metrics` for Prometheus. Labels are names from our own lists and never a caller's words; what can be
 * looked up is looked up when somebody asks, so that a request pays for a few counters alone.
 */
import { timingSafeEqual } from "node:crypto";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { documented, type EdgeApp } from "./documented.ts";
import type { Edge, EdgeContext } from "./edge.ts";
import { HttpFault } from "./errors.ts";

/** A request that ended. */
export interface CountedRequest {
  /** Absent where nobody was asked. */
  provider?: string;
  /** Of the catalogue, or `other`. */
  model?: string;
  task: string;
  outcome: string;
  images: number;
  bytes?: number;
  durationMs: number;
  /** In US-dollars; absent where no price is known. */
  costUsd?: number;
}

/** A call to a provider that ended. */
export interface CountedAttempt {
  provider: string;
  model: string;
  outcome: string;
}

/** What is looked up when somebody asks. */
export interface MetricsSources {
  version: string;
  inFlight: () => number;
  /** Callers who wait for a key, by provider. */
  waiting: () => Record<string, number>;
  /** How many keys are in which state, by provider. */
  keys: () => { provider: string; usable: number; resting: number; disabled: number }[];
  stored: () => Promise<{ pictures: number; bytes: number; pendingUploads: number }>;
}

/** Upper bounds of the time to an image, in seconds: from a fast local model to a queue's patience. */
const TIME_BOUNDS = [0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60, 120, 300];
const LAG_SAMPLE_MS = 500;
const NOBODY = "none";

/** The counters of one process. */
export class Metrics implements Disposable {
  readonly #registry = new Registry();
  readonly #lag = watchLag();
  readonly #requests = this.#counter("imgrouter_requests_total", "Requests that ended.", [
    "provider",
    "model",
    "task",
    "outcome",
  ]);
  readonly #attempts = this.#counter("imgrouter_attempts_total", "Calls to providers that ended.", [
    "provider",
    "model",
    "outcome",
  ]);
  readonly #images = this.#counter("imgrouter_images_total", "Images that were delivered.", [
    "provider",
    "model",
  ]);
  readonly #bytes = this.#counter("imgrouter_image_bytes_total", "Bytes of the images that were delivered.", [
    "provider",
  ]);
  readonly #cost = this.#counter(
    "imgrouter_cost_usd_total",
    "What images cost, in US-dollars, where known.",
    [
      "provider",
      "model",
    ],
  );
  readonly #unpriced = this.#counter(
    "imgrouter_unpriced_images_total",
    "Images of which no price is known; they are not in the cost.",
    ["provider", "model"],
  );
  readonly #time = new Histogram({
    name: "imgrouter_time_to_image_seconds",
    help: "From a request to its images, where it was delivered.",
    labelNames: ["provider", "model"],
    buckets: TIME_BOUNDS,
    registers: [this.#registry],
  });

  constructor(sources: MetricsSources) {
    const { version, inFlight, waiting, keys, stored } = sources;
    this.#gauge("imgrouter_build_info", "The running version.", ["version", "deno"], (gauge) => {
      gauge.set({ version, deno: Deno.version.deno }, 1);
    });
    this.#gauge(
      "imgrouter_requests_in_flight",
      "Requests that run now.",
      [],
      (gauge) => gauge.set(inFlight()),
    );
    this.#gauge("imgrouter_requests_waiting", "Callers who wait for a key.", ["provider"], (gauge) => {
      gauge.reset();
      for (const [provider, count] of Object.entries(waiting())) gauge.set({ provider }, count);
    });
    this.#gauge("imgrouter_keys", "Keys by state.", ["provider", "state"], (gauge) => {
      gauge.reset();
      for (const { provider, ...states } of keys()) {
        for (const [state, count] of Object.entries(states)) gauge.set({ provider, state }, count);
      }
    });
    this.#gauge("imgrouter_stored_pictures", "Pictures in the gallery.", [], async (gauge) => {
      gauge.set((await stored()).pictures);
    });
    this.#gauge("imgrouter_stored_bytes", "Bytes of the pictures in the gallery.", [], async (gauge) => {
      gauge.set((await stored()).bytes);
    });
    this.#gauge("imgrouter_uploads_pending", "Pictures that wait for the bucket.", [], async (gauge) => {
      gauge.set((await stored()).pendingUploads);
    });
    this.#gauge(
      "imgrouter_event_loop_lag_seconds",
      "The longest that other work was held up, since somebody last asked.",
      [],
      (gauge) => gauge.set(this.#lag.take() / 1000),
    );
    // The library's own reads /proc, which our permissions refuse.
    this.#gauge("process_resident_memory_bytes", "Resident memory.", [], (gauge) => {
      gauge.set(Deno.memoryUsage().rss);
    });
    this.#gauge("process_start_time_seconds", "When the process started, since the epoch.", []).set(
      performance.timeOrigin / 1000,
    );
  }

  /** Counts a request. */
  request(request: CountedRequest): void {
    const { provider = NOBODY, model = NOBODY, task, outcome, images, bytes = 0, durationMs, costUsd } =
      request;
    this.#requests.inc({ provider, model, task, outcome });
    if (outcome === "ok") this.#time.observe({ provider, model }, durationMs / 1000);
    if (images === 0) return;
    this.#images.inc({ provider, model }, images);
    this.#bytes.inc({ provider }, bytes);
    if (costUsd === undefined) this.#unpriced.inc({ provider, model }, images);
    else this.#cost.inc({ provider, model }, costUsd);
  }

  /** Counts a call to a provider. */
  attempt({ provider, model, outcome }: CountedAttempt): void {
    this.#attempts.inc({ provider, model, outcome });
  }

  /** All of it, in the text format of Prometheus. */
  async text(): Promise<{ type: string; text: string }> {
    return { type: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  /** Stops watching the event loop. */
  [Symbol.dispose](): void {
    this.#lag[Symbol.dispose]();
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  /** @param collect sets its value when somebody asks */
  #gauge<L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    collect?: (gauge: Gauge<L>) => void | Promise<void>,
  ): Gauge<L> {
    return new Gauge({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      collect: collect && function () {
        return collect(this);
      },
    });
  }
}

/** Adds the route. */
export function addMetrics(app: EdgeApp, edge: Pick<Edge, "settings">, metrics: Metrics): void {
  documented(app, {
    method: "get",
    path: "/metrics",
    tags: ["Operation"],
    summary: "Figures for Prometheus",
    description: "Open unless METRICS_TOKEN is set, which is then asked for as a Bearer token.",
    responses: {
      200: { description: "The figures.", content: { "text/plain": { schema: { type: "string" } } } },
      401: { description: "The token is missing or wrong." },
      404: { description: "The setting `system.metrics` is off." },
    },
  }, async (c) => {
    const { metrics: isOn, metricsToken } = edge.settings();
    if (!isOn) return c.notFound() as Response;
    if (metricsToken !== undefined) checkToken(c, metricsToken);
    const { type, text } = await metrics.text();
    return c.body(text, 200, { "content-type": type, "cache-control": "no-store" });
  });
}

/** @throws HttpFault 401 */
function checkToken(c: EdgeContext, token: string): void {
  const given = /^bearer\s+(.+)$/i.exec(c.req.header("authorization")?.trim() ?? "")?.[1] ?? "";
  const [a, b] = [given, token].map((text) => new TextEncoder().encode(text));
  if (a!.length === b!.length && timingSafeEqual(a!, b!)) return;
  throw new HttpFault(401, {
    message: "Send the METRICS_TOKEN of this gateway as 'Authorization: Bearer'",
    code: "invalid_api_key",
  }, { "www-authenticate": "Bearer" });
}

/** Measures by how much a timer is late: the platform's own histogram stays at zero under Deno. */
function watchLag(): Disposable & { take: () => number } {
  let due = performance.now() + LAG_SAMPLE_MS;
  let longest = 0;
  const measure = () => {
    longest = Math.max(longest, performance.now() - due);
    due = performance.now() + LAG_SAMPLE_MS;
  };
  const timer = setInterval(measure, LAG_SAMPLE_MS);
  return {
    take: () => {
      const lag = Math.max(longest, performance.now() - due, 0);
      longest = 0;
      return lag;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
