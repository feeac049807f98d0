/** Volcengine Ark's refusals in its own words, as the scripted Doubao gives them and as tests may order them. */
import { Refusal } from "./reply.ts";

const ERRORS = {
  MissingParameter: [400, "BadRequest", "The request is missing a required parameter"],
  InvalidParameter: [400, "BadRequest", "A parameter specified in the request is not valid"],
  "InvalidImageURL.InvalidFormat": [400, "BadRequest", "The image could not be parsed"],
  InputTextSensitiveContentDetected: [400, "BadRequest", "The input text may contain sensitive information"],
  "InputImageSensitiveContentDetected.PrivacyInformation": [
    400,
    "BadRequest",
    "The input image may contain privacy information",
  ],
  OutputImageSensitiveContentDetected: [
    400,
    "BadRequest",
    "The generated image may contain sensitive content",
  ],
  "InvalidEndpoint.ClosedEndpoint": [400, "BadRequest", "The endpoint is closed or temporarily unavailable"],
  AuthenticationError: [401, "Unauthorized", "The API key in the request is missing or invalid"],
  InvalidAccountStatus: [401, "Forbidden", "The account is disabled"],
  AccountOverdueError: [403, "Forbidden", "The request failed because your account has an overdue balance"],
  "OperationDenied.ServiceOverdue": [403, "Forbidden", "Your service is overdue"],
  AccessDenied: [
    403,
    "Forbidden",
    "The request failed because you do not have access to the requested resource",
  ],
  "OperationDenied.ServiceNotOpen": [403, "Forbidden", "The model service is not activated"],
  "InvalidEndpointOrModel.NotFound": [404, "NotFound", "The model or endpoint does not exist"],
  "InvalidEndpointOrModel.ModelIDAccessDisabled": [404, "NotFound", "Access by model id is disabled"],
  ModelNotOpen: [404, "NotFound", "Your account has not activated the model"],
  NotFound: [404, "NotFound", "The requested operation does not exist"],
  ModelAccountIpmRateLimitExceeded: [
    429,
    "TooManyRequests",
    "The images per minute limit of the model is exceeded",
  ],
  "RateLimitExceeded.EndpointRPMExceeded": [
    429,
    "TooManyRequests",
    "The requests per minute limit is exceeded",
  ],
  RequestBurstTooFast: [429, "TooManyRequests", "Requests rose too fast"],
  QuotaExceeded: [429, "TooManyRequests", "Your account has exhausted its free quota for this model"],
  SetLimitExceeded: [429, "TooManyRequests", "Your account has reached the inference limit you have set"],
  ServerOverloaded: [429, "TooManyRequests", "The service is overloaded"],
  InternalServiceError: [500, "InternalServerError", "The service encountered an unexpected internal error"],
} as const satisfies Record<string, [number, string, string]>;

/** A code that Ark may refuse with. */
export type DoubaoCode = keyof typeof ERRORS;

interface Details {
  message?: string;
  param?: string;
  /** Seconds. */
  retryAfter?: number;
}

/** A refusal in Ark's shape; a rejected key is told in a header, too. */
export function doubaoError(code: DoubaoCode, { message, param = "", retryAfter }: Details = {}): Refusal {
  const [status, type] = ERRORS[code];
  const headers: Record<string, string> = {};
  if (code === "AuthenticationError") headers["x-error-code"] = "AuthN_MissOrInvalidAuthorizationHeader";
  if (retryAfter !== undefined) headers["retry-after"] = `${retryAfter}`;
  return new Refusal(status, { error: { ...doubaoFault(code, message), param, type } }, headers);
}

/** Code and message alone: how a single image of a group, or a reply without any, tells what went wrong. */
export function doubaoFault(
  code: DoubaoCode,
  message: string = ERRORS[code][2],
): { code: string; message: string } {
  return { code, message: `${message}. Request id: 0217650000000000000000000000000000000000000000` };
}
