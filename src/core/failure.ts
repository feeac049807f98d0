/**
 * What can go wrong on the way to an image, and what each kind of failure leads to. A provider only says
 * what happened; whether another key, another route or nobody is asked next is read from one table.
 */

/** Every way in which an attempt can fail. */
export type FailureKind =
  | "invalid_request"
  | "refused"
  | "key_rejected"
  | "not_permitted"
  | "out_of_credit"
  | "rate_limited"
  | "at_capacity"
  | "model_not_found"
  | "overloaded"
  | "unreachable"
  | "timed_out"
  | "malformed_reply"
  | "empty_reply"
  | "cancelled";

/** A failure as a value: what happened, and what the other side said about it. */
export interface Failure {
  kind: FailureKind;
  /** What the provider said or what was seen, for the log. May name hosts, never a secret. */
  message: string;
  /** HTTP status of the provider's reply, where there was one. */
  status?: number;
  /** The provider's own code, passed on to the caller where the fault is the caller's. */
  code?: string;
  /** The request field that is at fault. */
  param?: string;
  /** How long the provider asks to be left alone, in ms. */
  retryAfterMs?: number;
  /** Whether the key stays good for other models, although this kind usually stops the whole key. */
  modelOnly?: boolean;
}

/** Thrown by adapters; turned back into a value by `toFailure()` at one place. */
export class Failed extends Error {
  /** @param failure what happened. @param cause what was thrown underneath, for the log. */
  constructor(readonly failure: Failure, cause?: unknown) {
    super(failure.message, { cause });
    this.name = "Failed";
  }
}

/** What a kind of failure does to the request, the key and the route, and what callers are told. */
export interface Consequence {
  /** Who is asked next: nobody, another key of the same route, or another route. */
  next: "stop" | "same route" | "next route";
  /**
   * What becomes of the key. `rest` is for the model alone, `long rest` and `retire` are for the whole key;
   * all of them end by themselves, after a pause that grows with every repetition.
   */
  key: "keep" | "rest" | "long rest" | "retire";
  /** Whether the route's breaker counts it. */
  blamesRoute: boolean;
  /** Whether the same route may be asked again: only where the provider surely did not start to work. */
  again: boolean;
  /** HTTP status for a caller who brought the provider's key. */
  relay: number;
  /** HTTP status for a caller with a gateway key, who can do nothing about ours. */
  backend: number;
  /** OpenAI's `error.type`. */
  type: string;
  /** OpenAI's `error.code` where the provider gave none that is fit to pass on. */
  code: string;
  /** Whether a client may send the same request again without paying twice. */
  clientMayRetry: boolean;
  /** What a stranger may read about an attempt; no word in it makes relays disable a channel. */
  told: string;
}

/** The one table of consequences. */
export const CONSEQUENCES = {
  invalid_request: {
    next: "stop",
    key: "keep",
    blamesRoute: false,
    again: false,
    relay: 400,
    backend: 400,
    type: "invalid_request_error",
    code: "invalid_value",
    clientMayRetry: false,
    told: "did not accept the request",
  },
  refused: {
    next: "stop",
    key: "keep",
    blamesRoute: false,
    again: false,
    relay: 400,
    backend: 400,
    type: "image_generation_user_error",
    code: "content_policy_violation",
    clientMayRetry: false,
    told: "refused the prompt or the picture",
  },
  key_rejected: {
    next: "same route",
    key: "retire",
    blamesRoute: false,
    again: false,
    relay: 401,
    backend: 503,
    type: "invalid_request_error",
    code: "invalid_api_key",
    clientMayRetry: false,
    told: "is not available with the keys at hand",
  },
  not_permitted: {
    next: "same route",
    key: "rest",
    blamesRoute: false,
    again: false,
    relay: 403,
    backend: 503,
    type: "invalid_request_error",
    code: "model_not_permitted",
    clientMayRetry: false,
    told: "does not offer this model to the keys at hand",
  },
  out_of_credit: {
    next: "same route",
    key: "long rest",
    blamesRoute: false,
    again: false,
    relay: 402,
    backend: 503,
    type: "insufficient_quota",
    code: "insufficient_quota",
    clientMayRetry: false,
    told: "is not available with the keys at hand",
  },
  rate_limited: {
    next: "same route",
    key: "rest",
    blamesRoute: false,
    again: true,
    relay: 429,
    backend: 429,
    type: "rate_limit_error",
    code: "rate_limit_exceeded",
    clientMayRetry: true,
    told: "is limiting its rate",
  },
  at_capacity: {
    next: "next route",
    key: "keep",
    blamesRoute: false,
    again: false,
    relay: 429,
    backend: 429,
    type: "rate_limit_error",
    code: "rate_limit_exceeded",
    clientMayRetry: true,
    told: "has no free place right now",
  },
  model_not_found: {
    next: "next route",
    key: "keep",
    blamesRoute: false,
    again: false,
    relay: 404,
    backend: 404,
    type: "invalid_request_error",
    code: "model_not_found",
    clientMayRetry: false,
    told: "does not know this model",
  },
  overloaded: {
    next: "next route",
    key: "keep",
    blamesRoute: true,
    again: true,
    relay: 503,
    backend: 503,
    type: "server_error",
    code: "provider_unavailable",
    clientMayRetry: false,
    told: "is overloaded or out of service",
  },
  unreachable: {
    next: "next route",
    key: "keep",
    blamesRoute: true,
    again: true,
    relay: 503,
    backend: 503,
    type: "server_error",
    code: "provider_unreachable",
    clientMayRetry: false,
    told: "could not be reached",
  },
  timed_out: {
    next: "next route",
    key: "keep",
    blamesRoute: true,
    again: false,
    relay: 504,
    backend: 504,
    type: "server_error",
    code: "provider_timeout",
    clientMayRetry: false,
    told: "did not answer in time",
  },
  malformed_reply: {
    next: "next route",
    key: "keep",
    blamesRoute: true,
    again: false,
    relay: 502,
    backend: 502,
    type: "server_error",
    code: "provider_malformed_reply",
    clientMayRetry: false,
    told: "sent a reply that could not be read",
  },
  empty_reply: {
    next: "next route",
    key: "keep",
    blamesRoute: true,
    again: false,
    relay: 502,
    backend: 502,
    type: "server_error",
    code: "no_image",
    clientMayRetry: false,
    told: "answered without an image",
  },
  cancelled: {
    next: "stop",
    key: "keep",
    blamesRoute: false,
    again: false,
    relay: 499,
    backend: 499,
    type: "invalid_request_error",
    code: "client_closed_request",
    clientMayRetry: false,
    told: "was not waited for, because the client left",
  },
} as const satisfies Record<FailureKind, Consequence>;

/**
 * Turns anything that was thrown during an attempt into a failure.
 * Aborts are told apart by the signals: the caller's own means `cancelled`, the attempt's limit `timed_out`.
 */
export function toFailure(
  thrown: unknown,
  caller: { readonly aborted: boolean },
  limit: { readonly aborted: boolean },
): Failure {
  if (caller.aborted) return { kind: "cancelled", message: "the client closed the connection" };
  if (thrown instanceof Failed) return thrown.failure;
  if (limit.aborted) return { kind: "timed_out", message: "no answer within the time limit" };
  if (thrown instanceof TypeError || (thrown instanceof Error && NETWORK.test(thrown.message))) {
    return { kind: isNeverSent(thrown) ? "unreachable" : "malformed_reply", message: reasonOf(thrown) };
  }
  return { kind: "malformed_reply", message: thrown instanceof Error ? thrown.message : String(thrown) };
}

const NETWORK = /connect|connection|dns|socket|network|reset|tls|certificate/i;

/** A connection that was never made cannot have been billed; one that broke later may have been. */
function isNeverSent(error: Error): boolean {
  return /error trying to connect|client error \(Connect\)|dns error|connection refused|tcp connect|ECONNREFUSED|ENOTFOUND|certificate/i
    .test(`${error.message} ${causeOf(error)}`);
}

/** What the runtime's "fetch failed" hides. Addresses are left out, since some carry keys. */
function reasonOf(error: Error): string {
  const reason = causeOf(error)
    .replace(/^error sending request(?: for url \(\S*\))?:? ?/, "")
    .replace(/^client error \(\w+\): /, "");
  return reason === "" ? error.message : reason;
}

function causeOf({ cause }: Error): string {
  return cause instanceof Error ? cause.message : "";
}
