/** What the HTTP side is given: the engine, and the settings that hold for it, read anew for each request. */
import type { Context } from "hono";
import type { Sessions } from "../admin/sessions.ts";
import type { Clock } from "../core/clock.ts";
import type { OpenUrl } from "../core/media.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { Pictures } from "../gateway/pictures.ts";
import type { BlobReader } from "../platform/ports.ts";
import type { Thumbnails } from "../platform/thumbnails.ts";
import type { Catalogue } from "../routing/catalogue.ts";
import type { PictureRecord } from "../store/picture_record.ts";
import type { AuthOptions, Identity } from "./auth.ts";
import type { Links } from "./signed_links.ts";
import type { Metrics } from "./metrics.ts";

/** Settings of the HTTP side. Times in ms, sizes in bytes. */
export interface EdgeSettings {
  publicBaseUrl?: string;
  trustedProxies: readonly string[];
  maxBodySize: number;
  cors: boolean;
  requestLogging: boolean;
  healthCheck: boolean;
  metrics: boolean;
  metricsToken?: string;
  keepAlive: boolean;
  heartbeat: { kind: "comment" | "empty" | "zero-width"; interval: number };
  chatImages: "link" | "data_uri" | "images";
}

/** All that routes need. */
export interface Edge {
  version: string;
  clock: Clock;
  startedAt: number;
  settings: () => EdgeSettings;
  auth: AuthOptions;
  gateway: Gateway;
  catalogue: () => Catalogue;
  /** Opens addresses that callers name, through the guard. */
  open: OpenUrl;
  pictures: Pictures;
  blobs: () => BlobReader | undefined;
  /** What the index knows of a stored picture, and where anybody can read it, if links are to lead there. */
  pictureFacts?: (name: string) => Promise<{ record: PictureRecord; publicUrl?: string } | undefined>;
  links: Links;
  thumbnails: Thumbnails;
  /** Who may see pictures without a signed link. */
  sessions: Pick<Sessions, "find">;
  /** Other origins that the panel may show pictures from, such as that of a public bucket. */
  pictureOrigins?: () => readonly string[];
  metrics: Metrics;
  /** Why the process should get no traffic, if it shouldn't. */
  notReady: () => Promise<string | undefined>;
}

/** What middleware leaves for routes. */
export interface EdgeEnv {
  Variables: {
    requestId: string;
    /** The address at which the caller reaches us. */
    base: string;
    /** Who asks; looked for in the headers unless something before the route knows. */
    identity?: Identity;
    mode?: "relay" | "backend";
    /** The provider that is asked where none is set up, so that a first picture needs no account. */
    lastResort?: string;
  };
}

/** The context of a route. */
export type EdgeContext = Context<EdgeEnv>;
