/** One line of the log. Where there is room it is a row of columns, else the message comes below the rest. */
import { ChevronRight } from "lucide-preact";
import { formatTime } from "../format.ts";
import { dictionary } from "../i18n.ts";
import type { LogLine } from "../log.ts";
import { IconButton } from "./button.tsx";
import type { Tone } from "./signs.tsx";
import "./log_row.css";

const texts = dictionary({
  en: { open: "Show the details of this line", request: (id: string) => `Open the request ${id}` },
  zh: { open: "显示此行的详情", request: (id: string) => `打开请求 ${id}` },
});

const LEVELS: Record<string, { word: string; tone: Tone }> = {
  trace: { word: "TRACE", tone: "quiet" },
  debug: { word: "DEBUG", tone: "quiet" },
  info: { word: "INFO", tone: "info" },
  warning: { word: "WARN", tone: "warn" },
  error: { word: "ERROR", tone: "bad" },
  fatal: { word: "FATAL", tone: "bad" },
};

const CLOCK: Intl.DateTimeFormatOptions = {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
  hourCycle: "h23",
};

/** With `onToggle` its fields can be opened; `requestId` is not repeated where all lines are of one request. */
export function LogRow({ line, isOpen = false, onToggle, hidesRequest }: {
  line: LogLine;
  isOpen?: boolean;
  onToggle?: () => void;
  hidesRequest?: boolean;
}) {
  const t = texts();
  const { time, level, module, message, requestId, fields } = line;
  const { word, tone } = LEVELS[level] ?? { word: level, tone: "quiet" };
  return (
    <div class={`log-row ${tone}`}>
      {onToggle && (
        <IconButton
          small
          icon={ChevronRight}
          label={t.open}
          aria-expanded={isOpen}
          disabled={Object.keys(fields).length === 0}
          onClick={onToggle}
        />
      )}
      <time dateTime={time} title={formatTime(time)}>{formatTime(time, CLOCK)}</time>
      <span class="level">{word}</span>
      <span class="module cut" title={module}>{module}</span>
      <span class="message">
        {message}
        {requestId && !hidesRequest && (
          <>
            {" "}
            <a href={`/requests?id=${encodeURIComponent(requestId)}`} title={t.request(requestId)}>
              {requestId}
            </a>
          </>
        )}
      </span>
      {isOpen && (
        <dl class="fields">
          {Object.entries(fields).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
