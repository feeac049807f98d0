/** One thing that was logged, free of secrets, and the two ways of writing it as a line. */
import type { LogLevel, LogRecord } from "@logtape/logtape";
import { remembered } from "../core/remembered.ts";
import { asText, type Plain, redactRecord } from "./redact.ts";
import { redactText } from "./redact_text.ts";

/** What was logged. */
export interface LogEntry {
  /** Rises by one with each entry of this process. */
  id: number;
  /** In ms since the epoch. */
  time: number;
  level: LogLevel;
  module: string;
  requestId?: string;
  message: string;
  fields: { [name: string]: Plain };
  /** Names of the fields that the message tells already. */
  told: string[];
}

/** Makes an entry of a record; from here on no secret is in it. */
export function toEntry(id: number, record: LogRecord): LogEntry {
  const { requestId, ...properties } = record.properties;
  return {
    id,
    time: record.timestamp,
    level: record.level,
    module: record.category.slice(1).join("."),
    requestId: typeof requestId === "string" ? redactText(requestId, 200) : undefined,
    ...redactRecord(record.message, properties),
    told: typeof record.rawMessage === "string" ? placeholders(record.rawMessage) : [],
  };
}

/** Messages are a few dozen texts in the program; those of libraries may be anything. */
const placeholders = remembered(
  (template) => [...template.slice(0, 1000).matchAll(/\{([\w$]{1,60})\}/g)].map(([, name]) => name!),
  { most: 500, longest: 500 },
);

const SHORT: Record<LogLevel, string> = {
  trace: "TRACE",
  debug: "DEBUG",
  info: "INFO ",
  warning: "WARN ",
  error: "ERROR",
  fatal: "FATAL",
};

/** `2026-11-21T02:50:00.123Z INFO  [routing] req_abc message key=value`: one line, whatever is in it. */
export function toTextLine({ time, level, module, requestId, message, fields, told }: LogEntry): string {
  const head = `${new Date(time).toISOString()} ${SHORT[level]} [${module}]`;
  const rest = Object.entries(fields).filter(([name, value]) => value !== undefined && !told.includes(name))
    .map(([name, value]) => `${name}=${quoted(asText(value))}`);
  return escaped([head, ...requestId ? [requestId] : [], message, ...rest].join(" "));
}

/** One JSON object a line: time, level, module, requestId, message, and the fields beside them. */
export function toJsonLine({ time, level, module, requestId, message, fields }: LogEntry): string {
  const own = { time: new Date(time).toISOString(), level, module, requestId, message };
  const others = Object.entries(fields).map(([name, value]) => [name in own ? `${name}_` : name, value]);
  return JSON.stringify({ ...own, ...Object.fromEntries(others) });
}

function quoted(text: string): string {
  return text === "" || /[\s"=]/.test(text) && !/^[[{]/.test(text) ? JSON.stringify(text) : text;
}

/** Line breaks would fake further entries, and escape sequences would act on the reader's terminal. */
function escaped(line: string): string {
  return line.replace(/\p{Cc}|[\u2028\u2029]/gu, (character) => {
    if (character === "\n") return "\\n";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
