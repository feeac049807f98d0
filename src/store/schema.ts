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
