/**
 * What settings are called in Chinese, by their path. English comes with the form from the gateway, where each
 * setting is described; settings of providers share their names, whoever the provider is.
 */
import { effect, signal } from "@preact/signals";
import { language } from "../i18n.ts";

/** Data and no code, so that nobody loads it who does not read it. */
const CHINESE = new URL("./names_zh.json", import.meta.url);
type Names = Record<string, [title: string, description: string]>;
const chinese = signal<Names>();
let loading: Promise<void> | undefined;

/** What is known of a setting's names. */
export interface Described {
  path: string;
  title: string;
  description: string;
}

/** Loads the Chinese names, once. Where that fails the English ones have to do. */
export function loadChineseNames(): Promise<void> {
  return loading ??= fetch(CHINESE).then((answer) => answer.json()).then(
    (names) => void (chinese.value = names),
    () => void (loading = undefined),
  );
}

effect(() => void (language.value === "zh" && loadChineseNames()));

/** Title and description in the language of the panel. */
export function nameOf(field: Described): { title: string; description: string } {
  const found = language.value === "zh" ? chineseNameOf(field.path) : undefined;
  return found ?? { title: field.title, description: field.description };
}

/** Title and description in Chinese, if they are loaded and the path has some. */
export function chineseNameOf(path: string): { title: string; description: string } | undefined {
  const provider = /^providers\.([^.]+)\./.exec(path)?.[1] ?? "";
  const found = chinese.value?.[patternOf(path)];
  return found && { title: found[0], description: found[1].replace("{name}", provider) };
}

/** The same for every provider and for each of its tasks. */
function patternOf(path: string): string {
  return path.replace(
    /^providers\.[^.]+\.(?:(?:text|edit|blend)\.)?/,
    (start) => /\.(?:text|edit|blend)\.$/.test(start) ? "task." : "provider.",
  );
}

/** What is allowed, in Chinese; the gateway says it in English. */
export function expectedOf(expected: string): string {
  if (language.value !== "zh") return expected;
  for (const [pattern, chinese] of EXPECTED) {
    if (pattern.test(expected)) return expected.replace(pattern, chinese);
  }
  return expected;
}

const EXPECTED: [RegExp, string][] = [
  [/^a whole number, (\S+) or more$/, "不小于 $1 的整数"],
  [/^a whole number from (\S+) to (\S+)$/, "$1 到 $2 之间的整数"],
  [/^a number, (\S+) or more$/, "不小于 $1 的数"],
  [/^a number above (\S+)$/, "大于 $1 的数"],
  [/^one of (.+)$/, "以下之一：$1"],
  [/^true or false$/, "true 或 false"],
  [/^an http:\/\/ or https:\/\/ address$/, "以 http:// 或 https:// 开头的地址"],
  [/^a list of IP addresses or CIDR$/, "IP 地址或 CIDR 列表"],
  [/^a list of host, host:port or CIDR$/, "host、host:port 或 CIDR 列表"],
  [/^a list of texts$/, "文本列表"],
  [/^a text$/, "文本"],
  [
    /^a value \(also by (\S+)\), because storage\.target is (\S+)$/,
    "必填（也可用 $1 设置），因为存储位置是 $2",
  ],
];

/** What the choices of a setting are called, by path; those without a name go by themselves. */
export function optionName(path: string, option: string): string {
  const [english, chinese] = OPTIONS[`${path}=${option}`] ?? [];
  return (language.value === "zh" ? chinese : english) ?? option;
}

const OPTIONS: Record<string, [english: string, chinese: string]> = {
  "system.logLevel=debug": ["Debug", "调试"],
  "system.logLevel=info": ["Info", "信息"],
  "system.logLevel=warning": ["Warning", "警告"],
  "system.logLevel=error": ["Error", "错误"],
  "system.logFormat=text": ["Text", "文本"],
  "system.logFormat=json": ["JSON", "JSON"],
  "system.heartbeat.kind=comment": ["Comment", "注释行"],
  "system.heartbeat.kind=empty": ["Empty delta", "空增量"],
  "system.heartbeat.kind=zero-width": ["Zero-width text", "零宽字符"],
  "system.chatImages=link": ["Link", "链接"],
  "system.chatImages=data_uri": ["Data URI", "Data URI"],
  "system.chatImages=images": ["Member “images”", "images 字段"],
  "routing.strategy=cascade": ["Cascade: by weight, one after the other", "级联：按权重依次尝试"],
  "routing.strategy=weighted": ["Weighted: drawn by weight", "加权：按权重随机"],
  "routing.strategy=latency": ["Latency: the fastest first", "延迟：最快优先"],
  "routing.strategy=cost": ["Cost: the cheapest first", "成本：最便宜优先"],
  "routing.strategy=quality": ["Quality: the best where it matters", "质量：需要时选最佳模型"],
  "routing.unknownModel=fallback": ["As auto", "按 auto 处理"],
  "routing.unknownModel=error": ["Error 404", "返回 404 错误"],
  "storage.target=disk": ["Local disk", "本地磁盘"],
  "storage.target=s3": ["Bucket (S3)", "对象存储（S3）"],
  "storage.target=both": ["Disk and bucket", "磁盘和对象存储"],
  "storage.target=off": ["Nowhere", "不保存"],
  "storage.urls=gateway": ["To the gateway", "指向网关"],
  "storage.urls=public": ["To the bucket", "指向对象存储"],
};
