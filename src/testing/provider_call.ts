/** A line to a provider with defaults, so that a test names only what matters to it. */
import type { Call } from "../core/provider.ts";
import { type CallOptions, openCall } from "../providers/call.ts";
import { FakeClock } from "./fake_clock.ts";

/** Opens a line on which nothing foreign is fetched, no time passes by itself, and nobody leaves. */
export function providerCall(
  options: Pick<CallOptions, "provider" | "baseUrl"> & Partial<CallOptions>,
): Call {
  return openCall({
    key: "",
    signal: new AbortController().signal,
    open: () => Promise.reject(new Error("nothing is to be fetched")),
    clock: new FakeClock(),
    dice: () => 0.5,
    ...options,
  });
}
