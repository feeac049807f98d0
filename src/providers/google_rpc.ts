/**
 * What the details of `google.rpc.Status`, the error model of Google's APIs, say beyond its message.
 * https://google.aip.dev/193
 */
import { z } from "@hono/zod-openapi";

/** What was found in the details. */
export interface RpcDetails {
  /**
   * The reason of an `ErrorInfo`, else the quotas of a `QuotaFailure`, each as `id:value`: whether a minute's
   * or a day's allowance is used up is told nowhere else.
   */
  code?: string;
  /** The field that is at fault. */
  param?: string;
  /** How long to wait, in ms. */
  waitMs?: number;
}

/** Looks into `error.details`; anything that is not of Google's shape tells nothing. */
export function readRpcDetails(details: unknown): RpcDetails {
  const list = Details.parse(details);
  const reason = list.find((detail) => detail.reason)?.reason;
  const quotas = list.flatMap(({ violations = [] }) => violations)
    .map(({ quotaId, quotaValue }) => `${quotaId}:${quotaValue}`).join(" ");
  const field = list.flatMap(({ fieldViolations = [] }) => fieldViolations).find(({ field }) => field)?.field;
  const delay = list.find((detail) => detail.retryDelay !== undefined)?.retryDelay;
  return {
    code: (reason ?? quotas) || undefined,
    param: field,
    waitMs: delay === undefined ? undefined : Math.ceil(delay * 1000),
  };
}

const Detail = z.object({
  reason: z.string().optional(),
  // Seconds, with an `s` after them.
  retryDelay: z.string().regex(/^\d+(\.\d+)?s$/).transform((text) => parseFloat(text)).optional(),
  violations: z.array(z.object({
    quotaId: z.string(),
    // An int64 in JSON is text, and zero is left out.
    quotaValue: z.string().default("0"),
  })).optional().catch(undefined),
  fieldViolations: z.array(z.object({ field: z.string().optional() })).optional(),
}).catch({});

const Details = z.array(Detail).catch([]);
