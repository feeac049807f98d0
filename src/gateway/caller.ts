/** Who asks, and in which mode. */
import type { Provider } from "../core/provider.ts";

/** A holder of a gateway key and what it may do. Empty lists and absent limits mean everything. */
export interface Client {
  /** Absent for keys from the environment, whose use is not counted. */
  id?: string;
  name: string;
  models: readonly string[];
  providers: readonly string[];
  requestsPerMinute?: number;
  imagesPerDay?: number;
  imagesPerMonth?: number;
  usdPerDay?: number;
  usdPerMonth?: number;
}

/** One who brought a provider's key, or one who holds a key of ours. */
export type Caller =
  | { mode: "relay"; provider: Provider; key: string }
  | { mode: "backend"; client: Client };

/** How a caller is named in history and log. */
export function callerName(caller: Caller): string {
  return caller.mode === "relay" ? "relay" : caller.client.name;
}
