/**
 * What all modules of the admin API are made with: the app that refuses bad input in one way, and the shapes
 * that they share. Every error is `{error: {message, code, param}}`, every listing `{data, next}`.
 */
import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Identity } from "../../admin/sessions.ts";
import { HttpFault } from "../errors.ts";

/** What middleware leaves for the routes of the admin API. */
export interface ApiEnv {
  Variables: {
    requestId: string;
    /** The address at which the caller reaches us. */
    base: string;
    /** The address that login attempts are counted under. */
    address: string;
    /** Whether the caller came by TLS, as far as we or a proxy of ours can tell. */
    isTls: boolean;
    /** Who asks; without an id on the few routes that need no session. */
    admin: Identity;
  };
}

/** The context of a route of the admin API. */
export type ApiContext = Context<ApiEnv>;

/** An app for one module; its paths are relative to `/api`. */
export function newApi() {
  return new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (!result.success) throw invalidInput(result.error);
    },
  });
}

/** A fault of the input as an answer: 400 naming the first field that is wrong. */
export function invalidInput({ issues: [issue] }: Pick<z.ZodError, "issues">): HttpFault {
  return badField(issue?.path.join(".") ?? "", issue?.message ?? "The input does not fit");
}

/** 400 about one field. @param param its path, such as `keyItem.key`; empty = the whole body */
export function badField(param: string, message: string, code = "invalid_request"): HttpFault {
  return new HttpFault(400, {
    message: param ? `${param}: ${message}` : message,
    param: param || null,
    code,
  });
}

/** 404 about a thing of ours. @param what such as `client` */
export function noSuch(what: string): HttpFault {
  return new HttpFault(404, {
    message: `There is no such ${what}; it may have been removed`,
    code: "not_found",
  });
}

/** The shape of every error under `/api`. */
export const ErrorSchema = z.object({
  error: z.object({
    message: z.string(),
    code: z.string().nullable(),
    param: z.string().nullable(),
  }),
}).openapi("ApiError");

/** A time in ISO 8601 with zone. */
export const Time = z.iso.datetime({ offset: true });

/** Ms since the epoch as ISO 8601. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** The shape of a listing. `next` is what to give as `after` for the following page; absent on the last. */
export function listingOf<T extends z.ZodType>(schema: T) {
  return z.object({ data: z.array(schema), next: z.string().optional() });
}

/** The query of a listing. */
export const Paging = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z.string().max(500).optional(),
  q: z.string().max(500).optional(),
});

/** A reply for a route's `responses`. */
export function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { "application/json": { schema } } };
}

/** A JSON body for a route's `request`. Without `required`, zod-openapi lets any other content type pass unread. */
export function jsonBody<T extends z.ZodType>(schema: T) {
  return { body: { required: true, content: { "application/json": { schema } } } } as const;
}

const TOLD: Record<number, string> = {
  400: "The input does not fit; `param` names the field.",
  401: "No session or token, or one that has ended.",
  403: "A write that came from another site.",
  404: "There is no such thing.",
  409: "It can't be done as things stand.",
  412: "Somebody changed it in between.",
  429: "Too often; `retry-after` tells when to try again.",
  500: "It failed; the message tells why.",
  502: "A foreign service did not answer as expected.",
};

/** Errors for a route's `responses`, by their status. Thrown as `HttpFault`. */
export function errors<S extends 400 | 401 | 403 | 404 | 409 | 412 | 429 | 500 | 502>(...statuses: S[]) {
  const told = (status: S) => json(ErrorSchema, TOLD[status] ?? "It failed.");
  return Object.fromEntries(statuses.map((status) => [status, told(status)])) as Record<
    S,
    ReturnType<typeof json<typeof ErrorSchema>>
  >;
}
