/** The Gemini API's refusals, as the scripted service gives them and as tests may order them. */
import { Refusal } from "./reply.ts";

/** One member of `error.details`. */
export type Detail = { "@type": string } & Record<string, unknown>;

/** A detail of one of Google's own types. */
export function rpc(type: string, fields: Record<string, unknown>): Detail {
  return { "@type": `type.googleapis.com/google.rpc.${type}`, ...fields };
}

/** A refusal in the one shape that all of Google's APIs have. */
export function geminiError(code: number, status: string, message: string, details?: Detail[]): Refusal {
  return new Refusal(code, { error: { code, message, status, details } });
}

/** The same as a list of one, which streams and the compatible layer are seen to send. */
export function listedGeminiError({ status, body, headers }: Refusal): Refusal {
  return new Refusal(status, [body], headers);
}

/** Too many requests, of a quota named by its id. */
export function quotaError(
  quotaId: string,
  { quotaValue, retryDelay }: { quotaValue?: string; retryDelay?: string } = {},
): Refusal {
  const link = { description: "Learn more", url: "https://ai.google.dev/gemini-api/docs/rate-limits" };
  return geminiError(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan.", [
    rpc("QuotaFailure", {
      violations: [{
        quotaMetric: "generativelanguage.googleapis.com/generate_content_paid_tier_requests",
        quotaId,
        quotaDimensions: { location: "global", model: "gemini-3-pro-image" },
        quotaValue,
      }],
    }),
    rpc("Help", { links: [link] }),
    ...(retryDelay === undefined ? [] : [rpc("RetryInfo", { retryDelay })]),
  ]);
}

const INVALID_KEY = "API key not valid. Please pass a valid API key.";

/** What can happen on Google's side. */
export const GEMINI_ERRORS = {
  invalid_key: geminiError(400, "INVALID_ARGUMENT", INVALID_KEY, [
    rpc("ErrorInfo", {
      reason: "API_KEY_INVALID",
      domain: "googleapis.com",
      metadata: { service: "generativelanguage.googleapis.com" },
    }),
    rpc("LocalizedMessage", { locale: "en-US", message: INVALID_KEY }),
  ]),
  unknown_key: geminiError(400, "INVALID_ARGUMENT", "API Key not found. Please pass a valid API key."),
  leaked_key: geminiError(403, "PERMISSION_DENIED", "Your API key was reported as leaked."),
  no_key: geminiError(
    403,
    "PERMISSION_DENIED",
    "Method doesn't allow unregistered callers (callers without established identity).",
  ),
  service_disabled: geminiError(
    403,
    "PERMISSION_DENIED",
    "Generative Language API has not been used in project 1 before or it is disabled.",
    [rpc("ErrorInfo", { reason: "SERVICE_DISABLED", domain: "googleapis.com" })],
  ),
  region: geminiError(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
  aspect_ratio: geminiError(400, "INVALID_ARGUMENT", "Aspect ratio is not enabled for this model"),
  too_large: geminiError(400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
  no_credit: geminiError(402, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."),
  per_minute: quotaError("GenerateRequestsPerMinutePerProjectPerModel-PaidTier", {
    quotaValue: "20",
    retryDelay: "3.299376739s",
  }),
  per_day: quotaError("GenerateRequestsPerDayPerProjectPerModel-PaidTier", {
    quotaValue: "250",
    retryDelay: "47s",
  }),
  free_tier: quotaError("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", { retryDelay: "47s" }),
  internal: geminiError(500, "INTERNAL", "An internal error has occurred."),
  unavailable: geminiError(503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
  deadline: geminiError(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
} satisfies Record<string, Refusal>;

/** A model that isn't there, or doesn't make what is asked of it. */
export function modelNotFound(model: string): Refusal {
  return geminiError(
    404,
    "NOT_FOUND",
    `models/${model} is not found for API version v1beta, or is not supported for generateContent.`,
  );
}
