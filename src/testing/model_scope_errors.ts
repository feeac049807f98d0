/** ModelScope's refusals, in the two shapes that it has for them, as tests may order them. */
import { Refusal } from "./reply.ts";

const request_id = "00000000-0000-4000-a000-000000000000";

/** A refusal in the shape with a code. */
export function modelScopeError(status: number, message: string, code?: string): Refusal {
  return new Refusal(status, { error: { message, code }, request_id });
}

/** A refusal in the shape without one. */
export function plainModelScopeError(status: number, message: string): Refusal {
  return new Refusal(status, { errors: { message }, request_id });
}

/** What can happen on ModelScope's side. */
export const MODEL_SCOPE_ERRORS = {
  invalid_token: plainModelScopeError(
    401,
    "Authentication failed, please make sure that a valid ModelScope token is supplied.",
  ),
  not_bound: plainModelScopeError(
    401,
    "Please bind your Alibaba Cloud account before use: an account must be bound first.",
  ),
  not_real_name: plainModelScopeError(
    403,
    "The associated Alibaba Cloud account must be real-name verified before use.",
  ),
  forbidden: plainModelScopeError(403, "This model is open to invited accounts only."),
  no_provider: plainModelScopeError(400, "Model id : Qwen/Qwen-Image , has no provider supported"),
  invalid_model_id: plainModelScopeError(400, "Invalid model id: Qwen/Qwen-Image"),
  no_model: plainModelScopeError(404, "The model Qwen/Qwen-Image does not exist"),
  model_quota: plainModelScopeError(
    429,
    "You have exceeded today's quota for model Qwen/Qwen-Image, please try again tomorrow or try other models",
  ),
  insufficient_quota: modelScopeError(
    429,
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
  ),
  magicubes: modelScopeError(402, "The balance of Magicubes is too low."),
  limit_requests: modelScopeError(429, "Too many requests.", "limit_requests"),
  limit_burst_rate: modelScopeError(429, "Request rate increased too quickly.", "limit_burst_rate"),
  inspection: modelScopeError(
    400,
    "Data inspection: the input may contain inappropriate content.",
    "DataInspectionFailed",
  ),
  internal: plainModelScopeError(500, "Internal Server Error"),
  busy: plainModelScopeError(503, "The service is busy"),
} satisfies Record<string, Refusal>;
