/** Whether there is a newer version. Asked for on demand alone, and remembered, so that it costs nobody anything. */
import { compareVersions, validate } from "compare-versions";
import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import { type Outbound, UnexpectedStatus } from "../platform/outbound.ts";

/** A release, as GitHub tells of it: https://docs.github.com/rest/releases/releases#get-the-latest-release */
const Release = z.object({
  tag_name: z.string().max(100),
  name: z.string().max(500).nullish(),
  body: z.string().max(200_000).nullish(),
  html_url: z.url({ protocol: /^https?$/ }).nullish(),
  published_at: z.string().max(100).nullish(),
  prerelease: z.boolean().nullish(),
});

/** The latest release. */
export type Release = z.output<typeof Release>;

/** What a check gave. */
export interface UpdateCheck {
  release: Release;
  isNewer: boolean;
  /** In ms since the epoch. */
  checkedAt: number;
  /** Whether it was remembered from an earlier check. */
  isCached: boolean;
  /** Whether it is remembered because asking again failed. */
  isStale: boolean;
}

/** Why there is no answer. */
export class UpdateUnknown extends Error {
  constructor(readonly reason: "offline" | "rate_limit" | "no_release", message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "UpdateUnknown";
  }
}

const KEEP = 6 * 60 * 60_000;
const TIME_LIMIT = 10_000;
const MAX_BYTES = 2 * 1024 * 1024;

/** Asks for the latest release. */
export class Updates {
  #known?: { url: string; release: Release; checkedAt: number };
  #asking?: Promise<void>;

  constructor(
    private readonly options: {
      clock: Clock;
      /** The guard: the address is a setting, and may lead anywhere. */
      open: Outbound["open"];
      /** Where the latest release is told. */
      url: () => string;
      /** Ours. */
      version: string;
    },
  ) {}

  /** The latest release, as remembered for six hours unless `force` is set. @throws UpdateUnknown */
  async check({ force = false }: { force?: boolean } = {}): Promise<UpdateCheck> {
    const { clock, url } = this.options;
    const before = this.#known?.url === url() ? this.#known : undefined;
    if (before && !force && clock.now() - before.checkedAt < KEEP) {
      return this.#tell(before, { isCached: true });
    }
    try {
      // Many open panels ask once.
      await (this.#asking ??= this.#ask().finally(() => this.#asking = undefined));
      return this.#tell(this.#known!, {});
    } catch (error) {
      if (before) return this.#tell(before, { isCached: true, isStale: true });
      throw error;
    }
  }

  async #ask(): Promise<void> {
    const { clock, open } = this.options;
    const url = this.options.url();
    using limit = clock.timeout(TIME_LIMIT);
    try {
      const { body } = await open(url, { signal: limit.signal, maxBytes: MAX_BYTES });
      const release = Release.parse(await new Response(body).json());
      this.#known = { url, release, checkedAt: clock.now() };
    } catch (error) {
      throw unknown(error, new URL(url).host);
    }
  }

  #tell(
    { release, checkedAt }: { release: Release; checkedAt: number },
    { isCached = false, isStale = false }: { isCached?: boolean; isStale?: boolean },
  ): UpdateCheck {
    const { version } = this.options;
    const isNewer = validate(release.tag_name) && compareVersions(release.tag_name, version) > 0;
    return { release, isNewer, checkedAt, isCached, isStale };
  }
}

function unknown(error: unknown, host: string): UpdateUnknown {
  const status = error instanceof Failed && error.cause instanceof UnexpectedStatus
    ? error.cause.status
    : undefined;
  if (status === 403 || status === 429) {
    return new UpdateUnknown(
      "rate_limit",
      `${host} limits how often it is asked; try again in an hour`,
      error,
    );
  }
  if (status === 404 || error instanceof z.ZodError || error instanceof SyntaxError) {
    return new UpdateUnknown("no_release", `${host} knows of no release; see the setting update.url`, error);
  }
  return new UpdateUnknown(
    "offline",
    `${host} could not be asked, this gateway may be offline; nothing else depends on it`,
    error,
  );
}
