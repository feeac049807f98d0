/** What goes wrong at Hugging Face: the hub, the router with those behind it, and Spaces, told by their words. */
import { Failed } from "../../core/failure.ts";
import type { FailureRow } from "../../core/provider.ts";
import { readFailure } from "../failure_reading.ts";

/**
 * Credit of the router and time on the processors of Spaces are two allowances of one token, so that the end of
 * one leaves the token good for the other.
 */
export const FAILURES: FailureRow[] = [
  { kind: "out_of_credit", status: 402, modelOnly: true },
  { kind: "out_of_credit", text: /monthly included credits|GPU quota/i, modelOnly: true },
  {
    kind: "refused",
    text: /nsfw|content[ _-]?(policy|checker)|safety (checker|filter|system)|moderat|inappropriate/i,
  },
  // An app with a login of its own: no token opens it.
  { kind: "model_not_found", status: 401, text: /Not authenticated/ },
  { kind: "model_not_found", text: /not supported by provider|Repository not found/i },
  { kind: "model_not_found", status: 410 },
  { kind: "overloaded", text: /currently loading|GPU task aborted|No GPU was available|Queue is full/i },
];

/**
 * Reads the words of a failure that came without a status of its own: in the state of a job, or in an event.
 * Words that say nothing to us blame the service.
 */
export function failureOf(words: string): Failed {
  const { kind, message, modelOnly, retryAfterMs } = readFailure(
    { status: 500, body: JSON.stringify({ error: words }) },
    FAILURES,
  );
  return new Failed({ kind, message, modelOnly, retryAfterMs: waitIn(words) ?? retryAfterMs });
}

/** The wait that Spaces tell as `1 day, 3:04:05`, in ms. */
function waitIn(words: string): number | undefined {
  const found = /try again in (?:(\d+) days?, )?(\d+):(\d\d):(\d\d)/i.exec(words);
  if (!found) return undefined;
  const [days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0));
  return (((days! * 24 + hours!) * 60 + minutes!) * 60 + seconds!) * 1000;
}
