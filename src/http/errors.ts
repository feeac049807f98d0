/** Failures as HTTP: the only place where one becomes a status and OpenAI's error body. */
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { HTTPException } from "hono/http-exception";
import { CONSEQUENCES, Failed, type Failure } from "../core/failure.ts";
import { type Attempt, CascadeFailed } from "../gateway/cascade.ts";

/** OpenAI's error object. */
export interface ErrorBody {
  message: string;
  type: string;
  param: string | null;
  code: string | null;
}

/** A failure as it is told to a caller. */
export interface ErrorReply {
  status: ContentfulStatusCode;
  body: { error: ErrorBody };
  headers: Record<string, string>;
}

/** A fault of the HTTP request itself, with its own status. */
export class HttpFault extends Error {
  /** @param status such as 404 @param body what is told @param headers besides the usual ones */
  constructor(
    readonly status: ContentfulStatusCode,
    readonly body: Partial<ErrorBody> & { message: string },
    readonly headers: Record<string, string> = {},
  ) {
    super(body.message);
    this.name = "HttpFault";
  }
}

/** Clients of OpenAI's SDKs wait for up to a minute when told to; longer waits they don't heed. */
const LONGEST_RETRY_AFTER = 60;

/**
 * Says what happened in OpenAI's words. A caller with a provider's key hears what the provider said; one with
 * a gateway key hears a neutral sentence about each attempt, since our keys are nothing they can mend.
 */
export function errorReply(thrown: unknown, mode: "relay" | "backend" = "relay"): ErrorReply {
  if (thrown instanceof CascadeFailed) return cascadeReply(thrown, mode);
  if (thrown instanceof Failed) {
    const { failure } = thrown;
    return reply(failure, failure.status ?? CONSEQUENCES[failure.kind].relay, failure.message);
  }
  if (thrown instanceof HttpFault) {
    const { status, body, headers } = thrown;
    return {
      status,
      body: { error: { type: "invalid_request_error", param: null, code: null, ...body } },
      headers: { "x-should-retry": "false", ...headers },
    };
  }
  if (thrown instanceof HTTPException) {
    return errorReply(
      new HttpFault(thrown.status, { message: thrown.message || "The request could not be read" }),
    );
  }
  return {
    status: 500,
    body: {
      error: {
        message: "An error of this gateway; the log tells more under the request id",
        type: "server_error",
        param: null,
        code: "internal_error",
      },
    },
    headers: { "x-should-retry": "false" },
  };
}

function cascadeReply({ failure, attempts }: CascadeFailed, mode: "relay" | "backend"): ErrorReply {
  const consequence = CONSEQUENCES[failure.kind];
  const isCallers = consequence.next === "stop";
  const provider = attempts.at(-1)?.provider ?? "The provider";
  const message = isCallers
    ? failure.message
    : mode === "relay"
    ? `${provider} ${consequence.told}: ${failure.message}`
    : `No provider delivered: ${attempts.map(tell).join("; ")}`;
  const { kind, retryAfterMs } = failure;
  if (isCallers || mode === "relay") return reply(failure, consequence[mode], message);
  // Where the modes differ it is our keys that failed, and the caller must not take it for theirs.
  const ours = consequence.relay === consequence.backend ? kind : "overloaded";
  return reply({ kind: ours, retryAfterMs, message }, consequence.backend, message);
}

function tell({ provider, model, outcome }: Attempt): string {
  if (outcome === "ok") return `${provider} (${model}) made some, but not all`;
  return `${provider} (${model}) ${
    outcome === "skipped" ? "is being given a rest after failures" : CONSEQUENCES[outcome].told
  }`;
}

function reply(failure: Failure, status: number, message: string): ErrorReply {
  const { type, code, clientMayRetry } = CONSEQUENCES[failure.kind];
  const seconds = Math.ceil((failure.retryAfterMs ?? 1000) / 1000);
  // A client that came back before the wait is over would only be told the same again.
  const mayRetry = clientMayRetry && seconds <= LONGEST_RETRY_AFTER;
  const headers: Record<string, string> = { "x-should-retry": String(mayRetry) };
  if (status === 429 || status === 503) {
    headers["retry-after"] = String(Math.min(LONGEST_RETRY_AFTER, Math.max(1, seconds)));
  }
  return {
    status: status as ContentfulStatusCode,
    body: { error: { message, type, param: failure.param ?? null, code: codeFor(failure, code) } },
    headers,
  };
}

/** A refusal has one code that clients know; other codes of the provider say more than ours. */
function codeFor({ kind, code }: Failure, ours: string): string {
  return kind === "refused" || kind === "key_rejected" ? ours : code ?? ours;
}
