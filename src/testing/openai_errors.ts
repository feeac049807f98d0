/** OpenAI's refusals in its own words, as the scripted service gives them and as tests may order them. */
import { Refusal } from "./reply.ts";

interface Details {
  type?: string;
  param?: string | null;
  code?: string | null;
  moderation_details?: unknown;
}

/** A refusal in OpenAI's one error shape. */
export function openAiError(
  status: number,
  message: string,
  { type = "invalid_request_error", param = null, code = null, ...more }: Details = {},
  headers: Record<string, string> = {},
): Refusal {
  return new Refusal(status, { error: { message, type, param, code, ...more } }, headers);
}

const BILLING = "https://platform.openai.com/docs/guides/error-codes/api-errors";
const SAFETY =
  "Your request was rejected by the safety system. If you believe this is an error, contact us at " +
  "help.openai.com and include the request ID req_scripted.";

/** What can happen on OpenAI's side, by its code. */
export const OPENAI_ERRORS = {
  insufficient_quota: openAiError(
    429,
    `You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: ${BILLING}.`,
    { type: "insufficient_quota", code: "insufficient_quota" },
  ),
  credit_balance_exhausted: openAiError(429, "Your credit balance is exhausted.", {
    type: "insufficient_quota",
    code: "credit_balance_exhausted",
  }),
  billing_hard_limit_reached: openAiError(400, "Billing hard limit has been reached", {
    code: "billing_hard_limit_reached",
  }),
  billing_not_active: openAiError(429, "Your account is not active, please check your billing details.", {
    type: "billing_not_active",
    code: "billing_not_active",
  }),
  rate_limit_exceeded: openAiError(
    429,
    "You've exceeded the rate limit, please slow down and try again after 51.84 seconds.",
    { type: "requests", code: "rate_limit_exceeded" },
  ),
  slow_down: openAiError(429, "Please slow down.", { type: "requests", code: "slow_down" }),
  server_is_overloaded: openAiError(503, "The server is currently overloaded.", {
    type: "server_error",
    code: "server_is_overloaded",
  }),
  server_error: openAiError(500, "The server had an error while processing your request.", {
    type: "server_error",
    code: "server_error",
  }),
  organization_not_verified: openAiError(
    403,
    "Your organization must be verified to use the model `gpt-image-2`. Please go to: https://platform.openai.com/settings/organization/general and click on Verify Organization.",
  ),
  unsupported_country_region_territory: openAiError(403, "Country, region, or territory not supported", {
    type: "request_forbidden",
    code: "unsupported_country_region_territory",
  }),
  moderation_blocked: openAiError(400, `${SAFETY} safety_violations=[violence].`, {
    type: "image_generation_user_error",
    code: "moderation_blocked",
    moderation_details: { moderation_stage: "input", categories: ["violence"] },
  }),
  content_policy_violation: openAiError(400, SAFETY, {
    type: "image_generation_user_error",
    code: "content_policy_violation",
  }),
} satisfies Record<string, Refusal>;

/** What OpenAI says to a key that it doesn't know; it quotes a few of its letters. */
export function incorrectKey(key: string): Refusal {
  const shown = `${key.slice(0, 8)}${"*".repeat(Math.max(0, key.length - 12))}${key.slice(-4)}`;
  return openAiError(
    401,
    `Incorrect API key provided: ${shown}. You can find your API key at https://platform.openai.com/account/api-keys.`,
    { code: "invalid_api_key" },
  );
}
