/** What went wrong with a bucket, in words for whoever set it up, and without its keys. */

/** What is known where a call failed. */
export interface S3Call {
  /** What was tried, up to the bucket's name: `store fox.png in`. */
  what: string;
  bucket: string;
  endpoint: string;
  /** What must not be told. */
  secrets: readonly string[];
  /** How far the server's clock is ahead of ours by what its reply showed, in ms. */
  aheadMs: number;
}

/** A bucket did not do what it was asked to. */
export class S3Failure extends Error {
  override name = "S3Failure";

  /** @param code what the server or the system calls it */
  constructor(message: string, readonly code: string) {
    super(message);
  }
}

const REFUSED = "the credentials are refused";
const FULL = "no room is left";
const REGION = "the bucket is in another region";
const BUSY = "the server asks for fewer requests";
const BROKEN = "the connection broke off";

/** What S3 and its imitators answer: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const ANSWERS: Record<string, string> = {
  SignatureDoesNotMatch: REFUSED,
  InvalidAccessKeyId: REFUSED,
  Unauthorized: REFUSED,
  AccessDenied: "the credentials do not allow it",
  AllAccessDisabled: "the account is blocked",
  AccountProblem: "the account is blocked",
  NoSuchBucket: "there is no such bucket",
  InvalidBucketName: "this is no name for a bucket",
  PermanentRedirect: REGION,
  AuthorizationHeaderMalformed: REGION,
  QuotaExceeded: FULL,
  InsufficientStorage: FULL,
  XMinioStorageFull: FULL,
  EntityTooLarge: "the image is too large for it",
  SlowDown: BUSY,
  TooManyRequests: BUSY,
};

/** What the way to the server ends in. */
const TROUBLES: Record<string, string> = {
  ECONNREFUSED: "nothing listens at",
  ENOTFOUND: "no host is known for",
  EAI_AGAIN: "no host can be looked up for",
  EHOSTUNREACH: "there is no way to",
  ENETUNREACH: "there is no way to",
  ECONNRESET: `${BROKEN} to`,
  EPIPE: `${BROKEN} to`,
  TimeoutError: "no answer came in time from",
};

/** The failure in words. What was thrown stays behind: it may hold headers. */
export function s3Failure(error: unknown, call: S3Call): S3Failure {
  const known = call.secrets.reduce((text, secret) => text.replaceAll(secret, "[…]"), messageOf(error));
  const code = codeOf(error);
  const reason = reasonOf({ code, status: statusOf(error), message: known.slice(0, 200), call });
  return new S3Failure(`Cannot ${call.what} the bucket ${call.bucket}: ${reason}`, code);
}

function reasonOf(
  { code, status, message, call }: { code: string; status?: number; message: string; call: S3Call },
): string {
  if (code === "RequestTimeTooSkewed") return `${skew(call.aheadMs)} (${code})`;
  if (code in ANSWERS) return `${ANSWERS[code]} (${code})`;
  if (code in TROUBLES) return `${TROUBLES[code]} ${call.endpoint} (${code})`;
  if (status === 401) return `${REFUSED} (${status})`;
  if (status === 403) return `${ANSWERS.AccessDenied} (${status})`;
  if (status === undefined) return message;
  const hint = status === 404 || status < 400 ? ", as no bucket does; is the endpoint right?" : "";
  const words = message === "UnknownError" ? "" : `: ${message}`;
  return `the server answered ${status}${hint} (${code}${words})`;
}

function skew(aheadMs: number): string {
  const minutes = Math.round(Math.abs(aheadMs) / 60_000);
  if (minutes === 0) return "this machine's clock differs from the server's";
  return `this machine's clock is ${minutes} minutes ${aheadMs > 0 ? "behind" : "ahead of"} the server's`;
}

/** The note that a clock is so far off that signatures would be refused, if nobody corrected them. */
export function skewNote(aheadMs: number): string | undefined {
  return Math.abs(aheadMs) < 60_000 ? undefined : skew(aheadMs);
}

function codeOf(error: unknown): string {
  const { name = "", code, cause, errors } = fieldsOf(error);
  const system = [code, fieldsOf(cause).code, fieldsOf(errors?.[0]).code].find((text) => text !== undefined);
  // The only aborts that get here are those of our own time limits.
  const found = name === "AbortError" ? "TimeoutError" : name in ANSWERS ? name : system ?? name;
  return /^\w{1,60}$/.test(found) ? found : "unknown";
}

function statusOf(error: unknown): number | undefined {
  return fieldsOf(error).$metadata?.httpStatusCode;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Fields {
  name?: string;
  code?: string;
  cause?: unknown;
  errors?: unknown[];
  $metadata?: { httpStatusCode?: number };
}

/** What errors of the SDK and of Node carry besides a message; nothing of it is promised. */
function fieldsOf(error: unknown): Fields {
  return typeof error === "object" && error !== null ? error : {};
}
