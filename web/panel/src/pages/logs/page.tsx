/** The live log: ten thousand lines, by level, by text, by request. */
import { useSignal } from "@preact/signals";
import { Download, Pause, Play, ScrollText, Search, X } from "lucide-preact";
import { useLocation } from "preact-iso";
import { useMemo } from "preact/hooks";
import { formatNumber } from "../../format.ts";
import { lineKey, lineText, type LogLine, useLog } from "../../log.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { CopyButton } from "../../parts/copy_button.tsx";
import { LogRow } from "../../parts/log_row.tsx";
import { PageHeader } from "../../parts/page.tsx";
import { FilterBar, FilterSelect, SearchBox } from "../../parts/search_box.tsx";
import { Status } from "../../parts/signs.tsx";
import { EmptyState, ErrorState, Skeleton } from "../../parts/states.tsx";
import { VirtualList } from "../../parts/virtual.tsx";
import { type Gap, shownOf } from "./filter.ts";
import { texts } from "./texts.ts";
import "./page.css";

/** How many lines are kept. */
const MOST = 10_000;

export default function LogsPage() {
  const t = texts();
  const { path, query, route } = useLocation();
  const { level = "", q = "", request = "" } = query;
  const log = useLog(MOST);
  const lines = log.lines.value;
  /** What was there when somebody paused. */
  const held = useSignal<readonly LogLine[] | undefined>(undefined);
  const open = useSignal<ReadonlySet<string>>(new Set());
  const { lines: shown, gaps } = useMemo(
    () => shownOf(held.value ?? lines, { level, q, request }),
    [held.value ?? lines, level, q, request],
  );
  const look = (change: Record<string, string>) => {
    const wanted = Object.entries({ level, q, request, ...change }).filter(([, value]) => value !== "");
    route(`${path}?${new URLSearchParams(wanted)}`, true);
  };
  const toggle = (key: string) => {
    const next = new Set(open.value);
    if (!next.delete(key)) next.add(key);
    open.value = next;
  };
  const isFiltered = `${level}${q}${request}` !== "";
  const text = () => shown.map(lineText).join("\n");

  return (
    <div class="logs-page">
      <PageHeader title={t.title} lead={t.lead}>
        <CopyButton text={text} label={t.copy} disabled={shown.length === 0} />
        <Button icon={Download} disabled={shown.length === 0} onClick={() => save(text())}>
          {t.download}
        </Button>
      </PageHeader>
      <FilterBar>
        <SearchBox label={t.search} value={q} onSearch={(q) => look({ q })} />
        <FilterSelect
          label={t.level}
          all={t.levels.all}
          value={level}
          onValue={(level) => look({ level })}
          options={(["info", "warning", "error"] as const).map((value) => ({
            value,
            label: t.levels[value],
          }))}
        />
        <PauseButton all={lines} held={held} />
        <span class="logs-count small soft" role="status">
          <Status tone={held.value ? "warn" : "good"}>{held.value ? t.paused : t.following}</Status>
          {t.count(
            shown.length,
            (held.value ?? lines).length,
            formatNumber(shown.length),
            formatNumber((held.value ?? lines).length),
          )}
        </span>
      </FilterBar>
      {request && (
        <div class="logs-request row">
          <span>
            {t.onlyRequest} <code>{request}</code>
          </span>
          <LinkButton small href={`/requests?id=${encodeURIComponent(request)}`}>{t.showRequest}</LinkButton>
          <Button small kind="quiet" icon={X} onClick={() => look({ request: "" })}>{t.allRequests}</Button>
        </div>
      )}
      <div class="card flush log-box">
        {shown.length > 0
          ? (
            <VirtualList
              label={t.log}
              items={shown}
              itemKey={lineKey}
              estimate={25}
              follow={!held.value}
            >
              {(line) => {
                const key = lineKey(line);
                return (
                  <>
                    <GapSign of={gaps.get(key)} />
                    <LogRow
                      line={line}
                      isOpen={open.value.has(key)}
                      onToggle={() => toggle(key)}
                      hidesRequest={request !== ""}
                    />
                  </>
                );
              }}
            </VirtualList>
          )
          : log.error.value
          ? <ErrorState error={log.error.value} retry={log.reload} />
          : log.loading.value && lines.length === 0
          ? (
            <div class="logs-waiting">
              <Skeleton lines={8} />
            </div>
          )
          : isFiltered
          ? (
            <EmptyState
              icon={Search}
              title={t.noMatch}
              action={<Button onClick={() => look({ level: "", q: "", request: "" })}>{t.clear}</Button>}
            >
              {t.noMatchHint}
            </EmptyState>
          )
          : <EmptyState icon={ScrollText} title={t.empty}>{t.emptyHint}</EmptyState>}
      </div>
    </div>
  );
}

function PauseButton(
  { all, held }: {
    all: readonly LogLine[];
    held: { value: readonly LogLine[] | undefined };
  },
) {
  const t = texts();
  if (!held.value) return <Button icon={Pause} onClick={() => held.value = all}>{t.pause}</Button>;
  const last = held.value.at(-1);
  const fresh = last ? all.length - 1 - all.lastIndexOf(last) : all.length;
  return (
    <Button kind="primary" icon={Play} onClick={() => held.value = undefined}>
      {fresh > 0 ? t.waiting(formatNumber(fresh)) : t.go}
    </Button>
  );
}

function GapSign({ of }: { of: Gap | undefined }) {
  const t = texts();
  if (!of) return null;
  return (
    <p class="logs-gap">{of === "restarted" ? t.restarted : t.missed(of.missed, formatNumber(of.missed))}</p>
  );
}

function save(text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/plain" }));
  link.download = `imgrouter-${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.log`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
