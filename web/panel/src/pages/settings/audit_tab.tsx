/** Who changed what, newest first. */
import { useSignal } from "@preact/signals";
import { History } from "lucide-preact";
import { api, call } from "../../api.ts";
import { DataTable } from "../../parts/data_table.tsx";
import { EndlessEnd, useEndless } from "../../parts/endless.tsx";
import { Card } from "../../parts/page.tsx";
import { FilterBar, SearchBox } from "../../parts/search_box.tsx";
import { Time } from "../../parts/signs.tsx";
import { EmptyState, Skeleton } from "../../parts/states.tsx";
import { actionName } from "./action_names.ts";
import { texts } from "./texts.ts";

const PAGE = "100";

/** The tab of the audit trail. */
export function AuditTab() {
  const t = texts();
  const q = useSignal("");
  const entries = useEndless(
    (after, signal) =>
      call(api.audit.$get({ query: { limit: PAGE, after, q: q.value || undefined } }, { init: { signal } })),
    { by: [q.value], on: ["settings", "keys", "clients"] },
  );
  const rows = entries.items.value;
  return (
    <>
      <FilterBar>
        <SearchBox label={t.searchAudit} value={q.value} onSearch={(text) => q.value = text} />
      </FilterBar>
      <Card flush>
        {rows.length > 0
          ? (
            <DataTable
              label={t.tabs.audit}
              rows={rows}
              rowKey={({ id }) => id}
              columns={[
                {
                  id: "action",
                  label: t.action,
                  cell: ({ action }) => <span title={action}>{actionName(action)}</span>,
                },
                {
                  id: "target",
                  label: t.target,
                  cell: ({ target }) => <span class="settings-target">{target}</span>,
                },
                { id: "detail", label: t.detail, cell: ({ detail }) => <Detail of={detail} /> },
                { id: "who", label: t.who, cell: ({ who }) => who },
                { id: "time", label: t.time, cell: ({ time }) => <Time at={time} exact /> },
              ]}
            />
          )
          : entries.loading.value
          ? (
            <div class="settings-wait">
              <Skeleton />
            </div>
          )
          : !entries.error.value && (
            <EmptyState icon={History} title={q.value ? t.nothingFound : t.noAudit}>
              {q.value ? t.tryOther : t.noAuditHint}
            </EmptyState>
          )}
      </Card>
      <EndlessEnd of={entries} />
    </>
  );
}

function Detail({ of }: { of: Record<string, unknown> }) {
  const parts = Object.entries(of).filter(([, value]) => value !== undefined && value !== null);
  return (
    <span class="small soft settings-detail">
      {parts.map(([name, value]) => `${name}: ${told(value)}`).join(" · ")}
    </span>
  );
}

function told(value: unknown): string {
  if (Array.isArray(value)) return value.map(told).join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
