/** What the apps of the scripted Modal take, and how they and the platform refuse. */
import { z } from "zod";
import { Refusal } from "./reply.ts";
import { type Complaint, readForm, strictly } from "./strict_body.ts";

const FIELDS = {
  model: z.string().optional(),
  prompt: z.string().min(1),
  n: z.int().min(1).max(8).default(1),
  size: z.string().regex(/^[1-9]\d{1,3}x[1-9]\d{1,3}$/).default("1024x1024"),
  seed: z.int().optional(),
  negative_prompt: z.string().optional(),
  num_inference_steps: z.int().min(1).max(100).optional(),
  guidance_scale: z.number().min(0).optional(),
  response_format: z.enum(["url", "b64_json"]).default("url"),
};

const file = z.instanceof(File);
const EDIT = z.strictObject({
  ...FIELDS,
  image: file.optional(),
  "image[]": z.array(file).min(1).optional(),
  mask: file.optional(),
});

const dataUri = z.string().regex(/^data:image\/[a-z]+;base64,[A-Za-z0-9+/]+=*$/);
const side = z.int().min(16).max(4096);
const OWN = z.strictObject({
  prompt: z.string().min(1),
  negative_prompt: z.string().optional(),
  width: side.default(1024),
  height: side.default(1024),
  num_images: z.int().min(1).max(8).default(1),
  seed: z.int().optional(),
  steps: z.int().min(1).optional(),
  guidance: z.number().optional(),
  images: z.array(dataUri).min(1).optional(),
  mask: dataUri.optional(),
});

const RAW = z.object({ prompt: z.string().min(1), seed: z.coerce.number().int().optional() });

/** A request in OpenAI's dialect, with its size in pixels. */
export type ModalOpenAiRequest = z.output<z.ZodObject<typeof FIELDS>> & { width: number; height: number };

/** Reads a generation in OpenAI's dialect. @throws Refusal */
export function readModalOpenAi(json: unknown): ModalOpenAiRequest {
  if (json === undefined) throw openAiError("body", "expected JSON");
  return checked(strictly(z.strictObject(FIELDS), json, complainAsOpenAi));
}

/** Reads an edit in OpenAI's dialect. @throws Refusal */
export function readModalOpenAiForm(form: FormData | undefined): ModalOpenAiRequest {
  if (!form) throw openAiError("body", "expected a form");
  const numbers = ["n", "seed", "num_inference_steps", "guidance_scale"];
  const request = strictly(EDIT, readForm(form, { numbers }), complainAsOpenAi);
  if (!request.image && !request["image[]"]) throw openAiError("image", "is required");
  return checked(request);
}

/** Reads a request of the app that takes a JSON object. @throws Refusal */
export function readModalJson(json: unknown): z.output<typeof OWN> {
  const request = strictly(OWN, json ?? {}, (complaint) => complainAsFastApi(complaint, "body"));
  moderate(request.prompt);
  return request;
}

/** Reads a request of the app that takes words in its query; as FastAPI does, it overlooks what it doesn't know. @throws Refusal */
export function readModalQuery(query: URLSearchParams): z.output<typeof RAW> {
  const request = strictly(
    RAW,
    Object.fromEntries(query),
    (complaint) => complainAsFastApi(complaint, "query"),
  );
  moderate(request.prompt);
  return request;
}

function checked(request: z.output<z.ZodObject<typeof FIELDS>>): ModalOpenAiRequest {
  moderate(request.prompt);
  const [width = 0, height = 0] = request.size.split("x").map(Number);
  return { ...request, width, height };
}

/** What the platform says by itself: plain text that begins with its name. */
export function platformError(
  status: number,
  text: string,
  headers: Record<string, string> = {},
): Refusal {
  return new Refusal(status, `modal-http: ${text}`, { "content-type": "text/plain", ...headers });
}

function moderate(prompt: string): void {
  if (!/forbidden/i.test(prompt)) return;
  const message = "The prompt was flagged by the app's filter";
  throw new Refusal(400, {
    error: { message, type: "invalid_request_error", code: "content_policy_violation" },
  });
}

function openAiError(param: string, message: string): Refusal {
  return new Refusal(400, {
    error: { message: `${param}: ${message}`, type: "invalid_request_error", param, code: "invalid_value" },
  });
}

function complainAsOpenAi({ param, issue }: Complaint): Refusal {
  return openAiError(param, issue.message);
}

function complainAsFastApi({ param, issue, kind }: Complaint, place: string): Refusal {
  return unprocessable(place, issue.message, param, kind);
}

/** FastAPI's complaint about a part of a request. */
export function unprocessable(place: string, msg: string, param?: string, type = "value_error"): Refusal {
  return new Refusal(422, { detail: [{ loc: param ? [place, param] : [place], msg, type }] });
}
