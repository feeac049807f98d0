/** What can become of a request or a call, in the words of the panel. */
import { dictionary } from "./i18n.ts";
import type { Tone } from "./parts/signs.tsx";

const texts = dictionary({
  en: {
    ok: "Delivered",
    skipped: "Skipped",
    invalid_request: "Invalid request",
    refused: "Refused",
    key_rejected: "Key rejected",
    not_permitted: "Not permitted",
    out_of_credit: "Out of credit",
    rate_limited: "Rate limited",
    at_capacity: "At capacity",
    model_not_found: "No such model",
    overloaded: "Overloaded",
    unreachable: "Unreachable",
    timed_out: "Timed out",
    malformed_reply: "Unreadable reply",
    empty_reply: "Empty reply",
    cancelled: "Cancelled",
  },
  zh: {
    ok: "成功",
    skipped: "已跳过",
    invalid_request: "请求无效",
    refused: "被拒绝",
    key_rejected: "密钥无效",
    not_permitted: "无权限",
    out_of_credit: "余额不足",
    rate_limited: "触发限流",
    at_capacity: "并发已满",
    model_not_found: "模型不存在",
    overloaded: "服务过载",
    unreachable: "无法连接",
    timed_out: "超时",
    malformed_reply: "响应无法解析",
    empty_reply: "响应为空",
    cancelled: "已取消",
  },
});

/** Its name; one that is not known here is shown as it is. */
export function outcomeName(outcome: string): string {
  const names: Record<string, string> = texts();
  return names[outcome] ?? outcome;
}

/** What it means: `warn` is the caller's own doing. */
export function outcomeTone(outcome: string): Tone {
  if (outcome === "ok") return "good";
  if (outcome === "skipped") return "quiet";
  return ["invalid_request", "refused", "cancelled"].includes(outcome) ? "warn" : "bad";
}

/** A reason as the gateway keeps it, `rate_limited: slow down`, in its two parts. */
export function splitReason(reason: string): { kind?: string; message: string } {
  const [, kind, message = ""] = /^(\w+)(?:: (.*))?$/s.exec(reason) ?? [];
  return kind !== undefined && kind in texts() ? { kind, message } : { message: reason };
}
