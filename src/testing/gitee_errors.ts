/**
 * Gitee AI's refusals, as the scripted service gives them and as tests may order them. It tells an empty account
 * by a 400 and its words, so the words are what counts here.
 */
import { Refusal } from "./reply.ts";

/** A refusal in the nested shape. */
export function giteeError(status: number, message: string, headers: Record<string, string> = {}): Refusal {
  return new Refusal(
    status,
    { error: { message, type: "invalid_request_error", code: String(status) } },
    headers,
  );
}

/** The same in the flat shape, which is met, too. */
export function flatGiteeError({ status, body, headers }: Refusal): Refusal {
  const { error } = body as { error: { message: string } };
  return new Refusal(status, { error: "Bad Request", message: error.message }, headers);
}

/** What can happen on Gitee's side. */
export const GITEE_ERRORS = {
  invalid_token: giteeError(401, "Invalid token."),
  free_limit: giteeError(400, "Today the free API access limit exceeded."),
  no_resource: giteeError(
    400,
    "The token has no available resources: the resource is not bought or not authorized.",
  ),
  service_not_found: giteeError(400, "Service not found."),
  content: giteeError(400, "The content contains sensitive information and was rejected."),
  unavailable: giteeError(503, "Service Temporarily Unavailable"),
} satisfies Record<string, Refusal>;
