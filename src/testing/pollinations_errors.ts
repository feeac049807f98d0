/** Pollinations' refusals, in all of its shapes, as tests may order them. */
import { Refusal } from "./reply.ts";

/** A refusal in the usual shape. */
export function pollinationsError(
  status: number,
  code: string,
  message: string,
  details: unknown = {},
  headers: Record<string, string> = {},
): Refusal {
  const timestamp = "2026-11-21T00:00:00.000Z";
  const error = { code, message, timestamp, details, requestId: "req_scripted" };
  return new Refusal(status, { status, success: false, error }, headers);
}

/** A request that does not have the shape it should have; `field` is named. */
export function badField(field: string, message: string): Refusal {
  return pollinationsError(400, "BAD_REQUEST", `Something was wrong with the input data: ${message}`, {
    name: "ValidationError",
    formErrors: [],
    fieldErrors: { [field]: [message] },
  });
}

/** What its filter says. */
export function safetyError(status: number, code: string, message: string): Refusal {
  return new Refusal(status, { error: { type: "safety_error", code, message, safety: ["nsfw"] } });
}

/** What can happen on Pollinations' side. */
export const POLLINATIONS_ERRORS = {
  unauthorized: pollinationsError(
    401,
    "UNAUTHORIZED",
    "Authentication required. Please provide an API key via Authorization header or ?key= query parameter.",
  ),
  insufficient_balance: pollinationsError(402, "INSUFFICIENT_BALANCE", "Insufficient pollen balance."),
  key_budget: pollinationsError(402, "KEY_BUDGET_EXHAUSTED", "The budget of this API key is exhausted."),
  payment_required: pollinationsError(402, "PAYMENT_REQUIRED", "This model needs a purchased balance."),
  forbidden: pollinationsError(403, "FORBIDDEN", "Model 'seedream' is not allowed for this API key"),
  unknown_model: badField("model", "Invalid model or unknown model: nothing"),
  image_download: pollinationsError(400, "failed_to_download_image", "Failed to download the image"),
  image_url: pollinationsError(400, "invalid_image_url", "The image must be an http(s) address"),
  image_too_large: pollinationsError(400, "image_too_large", "The image is too large"),
  image_type: pollinationsError(400, "unsupported_image_media_type", "The image type is not supported"),
  not_found: pollinationsError(404, "NOT_FOUND", "Not found"),
  body_too_large: pollinationsError(413, "PAYLOAD_TOO_LARGE", "The body is too large"),
  body_type: pollinationsError(415, "UNSUPPORTED_MEDIA_TYPE", "The body must be JSON or a form"),
  content_policy: pollinationsError(
    422,
    "content_policy_violation",
    "The prompt was rejected by the content policy.",
  ),
  unprocessable: pollinationsError(422, "UNPROCESSABLE_ENTITY", "The image was rejected."),
  rate_limited: pollinationsError(429, "RATE_LIMITED", "Too many requests"),
  internal: pollinationsError(500, "INTERNAL_ERROR", "Something went wrong"),
  bad_gateway: pollinationsError(502, "BAD_GATEWAY", "The upstream service answered with 429"),
  unavailable: pollinationsError(503, "SERVICE_UNAVAILABLE", "The service is unavailable"),
  gateway_timeout: pollinationsError(504, "GATEWAY_TIMEOUT", "The upstream service took too long"),
  content_blocked: safetyError(400, "content_blocked", "Content blocked"),
  invalid_safe: safetyError(400, "invalid_safe", "Invalid value of safe"),
  safety_unavailable: safetyError(503, "service_unavailable", "The safety check is unavailable"),
} satisfies Record<string, Refusal>;

/** What a publishable key hears that is over its allowance; `error` is a text here. */
export function publishableLimit(retryAfterSeconds: number): Refusal {
  return new Refusal(
    429,
    {
      error: "Rate limit exceeded",
      message: "Too many requests with this publishable key",
      retryAfterSeconds,
    },
    { "retry-after": `${retryAfterSeconds}` },
  );
}
