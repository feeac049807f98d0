/** How requests of the history are told over the API. */
import { z } from "@hono/zod-openapi";
import type { AttemptRecord, RequestRecord } from "../../store/history_record.ts";
import { isoTime, Time } from "./api_app.ts";

/** One call to a provider. */
export const AttemptSchema = z.object({
  provider: z.string(),
  model: z.string(),
  keyName: z.string().optional().openapi({ description: "Absent where the caller brought the key." }),
  outcome: z.string().openapi({ description: "`ok`, `skipped`, or the kind of failure." }),
  status: z.int().optional().openapi({ description: "HTTP status of the provider's reply." }),
  startedMs: z.number().openapi({ description: "From the start of the request." }),
  durationMs: z.number(),
  message: z.string().optional(),
  costUsd: z.number().optional(),
}).openapi("Attempt");

/** One request. */
export const RequestSchema = z.object({
  id: z.string(),
  time: Time,
  status: z.int().openapi({ description: "The HTTP status told to the caller." }),
  outcome: z.string().openapi({ description: "`ok`, or the kind of failure." }),
  task: z.string(),
  model: z.string().openapi({ description: "As it was asked for." }),
  provider: z.string().optional().openapi({ description: "Who delivered, or else was asked last." }),
  usedModel: z.string().optional(),
  client: z.string().openapi({ description: "The client's name, or `relay`." }),
  images: z.int(),
  durationMs: z.number(),
  costUsd: z.number().optional().openapi({ description: "Absent where no price is known." }),
  error: z.string().optional(),
  prompt: z.string(),
  notes: z.array(z.string()).openapi({ description: "What was changed on the way." }),
  attempts: z.array(AttemptSchema).optional(),
}).openapi("HistoryRequest");

/** A request, and its attempts where they are to be told. */
export function tellRequest(
  { time, ...request }: RequestRecord,
  attempts?: AttemptRecord[],
): z.infer<typeof RequestSchema> {
  return { ...request, time: isoTime(time), attempts };
}
