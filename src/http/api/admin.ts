/** All that routes of the admin API need, in one bag. */
import type { Audit } from "../../admin/audit.ts";
import type { Housekeeping } from "../../admin/housekeeping.ts";
import type { LiveFeed } from "../../admin/live.ts";
import type { ImportReport } from "../../admin/import_folder.ts";
import type { StorageState } from "../../admin/storage_state.ts";
import type { LoginLimit } from "../../admin/login_limit.ts";
import type { Sessions } from "../../admin/sessions.ts";
import type { Updates } from "../../admin/updates.ts";
import type { Uploads } from "../../admin/uploads.ts";
import type { Settings } from "../../config/settings.ts";
import type { LogRing } from "../../log/ring.ts";
import type { Clock } from "../../core/clock.ts";
import type { Provider } from "../../core/provider.ts";
import type { Gateway } from "../../gateway/gateway.ts";
import type { Pictures } from "../../gateway/pictures.ts";
import type { Pools } from "../../gateway/pools.ts";
import type { Outbound } from "../../platform/outbound.ts";
import type { BucketBlobs } from "../../platform/ports.ts";
import type { Catalogue } from "../../routing/catalogue.ts";
import type { Health } from "../../routing/health.ts";
import type { ClientStore } from "../../store/clients.ts";
import type { Facets } from "../../store/facets.ts";
import type { History } from "../../store/history.ts";
import type { Journal } from "../../store/journal.ts";
import type { KeyStore } from "../../store/keys.ts";
import type { PictureRecord } from "../../store/picture_record.ts";
import type { PictureStore } from "../../store/pictures.ts";
import type { Stats } from "../../store/stats.ts";

/** What the admin API is given; the rest is its own. */
export type AdminParts = Omit<Admin, "loginLimit">;

/** What the admin API works with. */
export interface Admin {
  version: string;
  /** In ms since the epoch. */
  startedAt: number;
  clock: Clock;
  settings: Settings;
  sessions: Sessions;
  loginLimit: LoginLimit;
  audit: Audit;
  updates: Updates;
  providers: readonly Provider[];
  catalogue: Catalogue;
  gateway: Gateway;
  pools: Pools;
  health: Health;
  pictures: Pictures;
  /** The guard before addresses that somebody named. */
  outbound: Outbound;
  clients: ClientStore;
  keys: KeyStore;
  history: History;
  journal: Journal;
  stats: Stats;
  facets: Facets;
  pictureStore: PictureStore;
  housekeeping: Housekeeping;
  storageState: StorageState;
  uploads: Uploads;
  /** The bucket, if one is configured: it can be checked. */
  bucket: () => BucketBlobs | undefined;
  /** Takes over the pictures of another folder. */
  importPictures: (
    path: string,
    run: { signal: AbortSignal; onProgress: (soFar: ImportReport) => void },
  ) => Promise<ImportReport>;
  /** The address at which a browser finds a picture: a path, or an address of the bucket. */
  pictureUrl: (picture: PictureRecord) => string;
  live: LiveFeed;
  /** The last lines of the log. */
  ring: LogRing;
  /** Aborts when the gateway stops: streams to panels end then. */
  stopping: AbortSignal;
  /** Callers who wait for a key, by provider. */
  waiting: () => Record<string, number>;
  modes: () => { relay: boolean; backend: boolean };
  /** Takes in keys and clients that were changed in the store. */
  reload: () => Promise<void>;
}
