/**
 * The client of the admin API. Its types are those of the routes themselves, so that a route that changes is a
 * type error in the page that uses it.
 */
import { hc, parseResponse } from "hono/client";
import type { AdminApi } from "../../../src/http/api/api.ts";
import { connectionFailed, connectionWorks } from "./connection.ts";
import { session } from "./session_state.ts";

/** An answer of the gateway that is an error, or no answer at all (`status` 0). */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly status: number;
  readonly code?: string;
  /** Path of the field that is wrong, such as `providers.OpenAI.baseUrl`. */
  readonly param?: string;
  /** When to try again, in seconds. */
  readonly retryAfter?: number;

  constructor(message: string, told: { status: number; code?: string; param?: string; retryAfter?: number }) {
    super(message);
    this.status = told.status;
    this.code = told.code;
    this.param = told.param;
    this.retryAfter = told.retryAfter;
  }

  /** Whether the gateway was not reached. */
  get isOffline(): boolean {
    return this.status === 0;
  }
}

/**
 * `fetch` for the admin API: gives answers that are good, and throws the others.
 * A session that has ended shows the login, which leads back to where somebody was.
 * @throws ApiError · DOMException AbortError
 */
export async function apiFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init).catch((error) => {
    if (init?.signal?.aborted) throw error;
    connectionFailed();
    throw new ApiError("The gateway can't be reached", { status: 0 });
  });
  connectionWorks();
  if (response.ok) return response;
  const error = await readError(response);
  if (response.status === 401 && error.code === "signed_out") session.value = "out";
  throw error;
}

interface Told {
  message?: string;
  code?: string;
  param?: string;
}

async function readError(response: Response): Promise<ApiError> {
  const { status, headers } = response;
  const retryAfter = Number(headers.get("retry-after")) || undefined;
  const body: unknown = await response.json().catch(() => undefined);
  const error = (body as { error?: Told | string } | undefined)?.error;
  // Tools tell their failures as img-router did.
  const told: Told | undefined = typeof error === "string" ? { message: error } : error;
  return new ApiError(told?.message ?? `The gateway answered with status ${status}`, {
    status,
    code: told?.code ?? undefined,
    param: told?.param ?? undefined,
    retryAfter,
  });
}

/** The API, one member a part of a path: `api.clients.$get({ query: { limit: "50" } })`. */
export const api = hc<AdminApi>("/api", { fetch: apiFetch });

/**
 * The body of an answer: `const { data } = await call(api.clients.$get({ query: {} }));`
 * @throws ApiError
 */
export const call: typeof parseResponse = parseResponse;

/**
 * An answer of a route that `api` has no type for, such as one that passes on what another service said.
 * @param path below `/api` @throws ApiError
 */
export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return await (await apiFetch(`/api${path}`, { signal })).json();
}
