/**
 * The tables as they are stored. Two kinds of database hold them, so that a row knows only text and numbers:
 * times are ms since the Unix epoch, booleans 0 or 1, lists and maps JSON.
 */
import type { Generated } from "kysely";

/** All tables by name. */
export interface Schema {
  provider_keys: ProviderKeyTable;
  clients: ClientTable;
  client_usage: ClientUsageTable;
  requests: RequestTable;
  attempts: AttemptTable;
  journal: JournalTable;
  pictures: PictureTable;
  stats: StatsTable;
  stats_counts: StatsCountTable;
  admins: AdminTable;
  sessions: SessionTable;
  audit: AuditTable;
}

/** Who administers: one row. */
export interface AdminTable {
  name: string;
  password_hash: string;
  changed_at: number;
}

/** A session of the panel, or an API token. */
export interface SessionTable {
  id: string;
  kind: string;
  name: string;
  created_at: number;
  expires_at: number | null;
  used_at: number | null;
}

/** One change that an admin made. */
export interface AuditTable {
  id: string;
  time: number;
  who: string;
  action: string;
  target: string;
  detail: string;
}

/** A job that a provider took on. */
export interface JournalTable {
  request_id: string;
  ticket_id: string;
  ticket_url: string | null;
  provider: string;
  model: string;
  key_id: string;
  base_url: string;
  accepted_at: number;
}

/** A stored picture. The long texts come last, so that the columns before them are read without them. */
export interface PictureTable {
  name: string;
  time: number;
  type: string;
  bytes: number;
  width: number;
  height: number;
  hash: string;
  model: string;
  provider: string;
  task: string;
  client: string;
  request_id: string;
  seed: number | null;
  cost_usd: number | null;
  on_disk: number;
  /** Name of the object that holds the bytes in the bucket; several rows may share one. */
  object: string | null;
  upload_wanted: number;
  /** Prompt and revised prompt in the form in which they are searched. */
  search: string;
  prompt: string;
  revised_prompt: string | null;
  /** JSON */
  request: string | null;
}

/** A provider's key: what it is, and how it fared. */
export interface ProviderKeyTable {
  id: string;
  provider: string;
  name: string;
  sealed: string;
  fingerprint: string;
  preview: string;
  /** Empty where the provider's own address is meant: NULLs would not count as equal in a unique constraint. */
  base_url: string;
  models: string;
  enabled: number;
  added_at: number;
  resting_until: number | null;
  rest_reason: string | null;
  rested_at: number | null;
  strikes: Generated<number>;
  model_rests: Generated<string>;
  successes: Generated<number>;
  failures: Generated<number>;
  last_used_at: number | null;
  last_error: string | null;
}

/** A holder of a gateway key. */
export interface ClientTable {
  id: string;
  name: string;
  key_hash: string;
  preview: string;
  enabled: number;
  expires_at: number | null;
  models: string;
  providers: string;
  requests_per_minute: number | null;
  images_per_day: number | null;
  images_per_month: number | null;
  usd_per_day: number | null;
  usd_per_month: number | null;
  created_at: number;
}

/** What a client used on one day (UTC). */
export interface ClientUsageTable {
  client_id: string;
  /** `YYYY-MM-DD` */
  day: string;
  requests: number;
  images: number;
  usd: number;
}

/** One request, as it ended. */
export interface RequestTable {
  id: string;
  time: number;
  task: string;
  model: string;
  provider: string | null;
  used_model: string | null;
  client: string;
  status: number;
  outcome: string;
  error: string | null;
  images: number;
  duration_ms: number;
  cost_usd: number | null;
  prompt: string;
  notes: string;
}

/** One call to a provider on behalf of a request. */
export interface AttemptTable {
  request_id: string;
  position: number;
  provider: string;
  model: string;
  key_name: string | null;
  outcome: string;
  status: number | null;
  started_ms: number;
  duration_ms: number;
  message: string | null;
  cost_usd: number | null;
}

/** What happened in one minute, hour or day at one provider and model. Both are empty where nobody was asked. */
export interface StatsTable {
  /** How long the bucket is: a minute, an hour or a day, in ms. */
  span: number;
  start_at: number;
  provider: string;
  model: string;
  requests: number;
  failures: number;
  images: number;
  /** Images of which no price is known; they are not in `cost_usd`. */
  unpriced_images: number;
  cost_usd: number;
  bytes: number;
  /** Calls to the provider, of which a request may have several. */
  calls: number;
  failed_calls: number;
}

/** How often something of a kind happened in the same bucket: failures by kind, times by class. */
export interface StatsCountTable {
  span: number;
  start_at: number;
  provider: string;
  model: string;
  kind: string;
  what: string;
  count: number;
}
