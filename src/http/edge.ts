/** What the HTTP side is given: the engine, and the settings that hold for it, read anew for each request. */
import type { Context } from "hono";
import type { Clock } from "../core/clock.ts";
import type { OpenUrl } from "../core/media.ts";
import type { Gateway } from "../gateway/handle.ts";
import type { Pictures } from "../gateway/pictures.ts";
import type { Blobs } from "../platform/ports.ts";
import type { Catalogue } from "../routing/catalogue.ts";
import type { AuthOptions, Identity } from "./auth.ts";

/** Settings of the HTTP side. Times in ms, sizes in bytes. */
export interface EdgeSettings {
  publicBaseUrl?: string;
  trustedProxies: readonly string[];
  maxBodySize: number;
  cors: boolean;
  requestLogging: boolean;
  healthCheck: boolean;
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
  blobs: () => Blobs | undefined;
  /** Why the process should get no traffic, if it shouldn't. */
  notReady: () => Promise<string | undefined>;
}

/** What middleware leaves for routes. */
export interface EdgeEnv {
  Variables: {
    requestId: string;
    /** The address at which the caller reaches us. */
    base: string;
    identity: Identity;
    mode?: "relay" | "backend";
  };
}

/** The context of a route. */
export type EdgeContext = Context<EdgeEnv>;
