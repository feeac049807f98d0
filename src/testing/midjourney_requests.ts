/** What midjourney-proxy takes: bodies of its submissions, and its codes, whose words are Chinese by default. */
import { z } from "zod";
import { parseRatio } from "../core/size.ts";
import { Refusal } from "./reply.ts";
import { type Complaint, strictly } from "./strict_body.ts";

/** Who stands before Midjourney: novicezk's proxy, trueai's, or a relay such as new-api. */
export type MidjourneyDialect = "nov" | "trueai" | "relay";

const DESCRIPTIONS: Record<number, string> = {
  1: "提交成功",
  3: "不存在可用的账号实例",
  4: "参数错误",
  5: "未知错误",
  9: "系统异常",
  21: "任务已存在",
  22: "排队中，请稍后",
  23: "队列已满，请稍后尝试",
  24: "可能包含敏感词",
  30: "当前分组负载已饱和，请稍后再试",
};

/** A reply to a submission, with status 200 whatever it says. */
export function submitted(code: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { code, description: DESCRIPTIONS[code] ?? "", result: null, properties: {}, ...more };
}

/** A refusal of a submission, which relays tell by a status, too. */
export function midjourneyError(
  dialect: MidjourneyDialect,
  code: number,
  more: Record<string, unknown> = {},
): Refusal {
  const body = submitted(code, more);
  if (dialect !== "relay") return new Refusal(200, body);
  return new Refusal(code === 30 ? 429 : 400, {
    description: body.description,
    type: "upstream_error",
    code,
  });
}

const dataUri = z.string().regex(/^data:image\/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/]+=*$/);
const COMMON = { state: z.string().optional(), notifyHook: z.url().optional() };
const IMAGINE = {
  ...COMMON,
  prompt: z.string().trim().min(1),
  base64Array: z.array(dataUri).min(1).optional(),
};
const SUPERSET = {
  botType: z.enum(["MID_JOURNEY", "NIJI_JOURNEY"]).optional(),
  accountFilter: z.strictObject({ modes: z.array(z.enum(["RELAX", "FAST", "TURBO"])) }).optional(),
};

const BODIES = {
  imagine: z.strictObject({ ...IMAGINE, ...SUPERSET }),
  "imagine of nov": z.strictObject(IMAGINE),
  blend: z.strictObject({
    ...COMMON,
    base64Array: z.array(dataUri).min(2).max(5),
    dimensions: z.enum(["PORTRAIT", "SQUARE", "LANDSCAPE"]).optional(),
  }),
  change: z.strictObject({
    ...COMMON,
    taskId: z.string(),
    action: z.enum(["UPSCALE", "VARIATION", "REROLL"]),
    index: z.int().min(1).max(4).optional(),
  }),
  action: z.strictObject({ ...COMMON, taskId: z.string(), customId: z.string() }),
  modal: z.strictObject({
    ...COMMON,
    taskId: z.string(),
    prompt: z.string(),
    maskBase64: dataUri.optional(),
  }),
  edits: z.strictObject({ ...COMMON, ...SUPERSET, prompt: z.string().trim().min(1), image: dataUri }),
};

/** Reads the body of a submission. @throws Refusal with code 4 */
export function readMidjourney<K extends keyof typeof BODIES>(
  kind: K,
  json: unknown,
  dialect: MidjourneyDialect,
): z.output<(typeof BODIES)[K]> {
  const schema: z.ZodType = kind === "imagine" && dialect === "nov" ? BODIES["imagine of nov"] : BODIES[kind];
  const refuse = ({ param }: Complaint) => midjourneyError(dialect, 4, { description: `${param} 参数错误` });
  return strictly(schema, json ?? {}, refuse) as z.output<(typeof BODIES)[K]>;
}

/** The shape that `--ar` asks for, as width / height. */
export function shapeIn(prompt: string): number {
  return parseRatio(/--ar (\S+)/.exec(prompt)?.[1] ?? "1:1") ?? 1;
}
