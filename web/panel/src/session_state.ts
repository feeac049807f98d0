/** Whether somebody is logged in; apart from session.ts, because the client of the API tells it too. */
import { signal } from "@preact/signals";

/** `unknown` until the gateway was asked. */
export const session = signal<"unknown" | "in" | "out">("unknown");
/** Whether nobody has chosen a password yet. */
export const needsSetup = signal(false);
