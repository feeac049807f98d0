/** What a range came to, by provider or by model. */
import { formatMoney, formatNumber, formatShare } from "../../format.ts";
import type { Column } from "../../parts/columns.tsx";
import { DataTable } from "../../parts/data_table.tsx";
import { Duration } from "../../parts/signs.tsx";
import type { Summary } from "./overview.ts";
import { type By, OTHER, type Part } from "./series.ts";
import { texts } from "./texts.ts";

export function PartsTable({ parts, by }: { parts: readonly Part[]; by: By }) {
  const t = texts();
  const columns: Column<Part>[] = [
    {
      id: "name",
      label: t.parts.name,
      cell: ({ provider, model }) => (
        <a
          href={`/requests?${new URLSearchParams({ provider, ...model && model !== OTHER && { model } })}`}
        >
          {model === OTHER ? t.over.otherModels : model ?? provider}
          {model && <span class="soft small">{provider}</span>}
        </a>
      ),
      sort: ({ label }) => label,
    },
    number("calls", ({ calls }) => calls, formatNumber),
    number("rate", ({ callSuccessRate }) => callSuccessRate ?? undefined, formatShare),
    number("images", ({ images }) => images, formatNumber),
    {
      id: "p50",
      label: t.parts.p50,
      numeric: true,
      cell: ({ summary }) => <Duration ms={summary.p50Ms} />,
      sort: ({ summary }) => summary.p50Ms ?? undefined,
    },
    {
      id: "p95",
      label: t.parts.p95,
      numeric: true,
      cell: ({ summary }) => <Duration ms={summary.p95Ms} />,
      sort: ({ summary }) => summary.p95Ms ?? undefined,
    },
    {
      id: "cost",
      label: t.parts.cost,
      numeric: true,
      cell: ({ summary }) => <Cost {...summary} />,
      sort: ({ summary }) => summary.costUsd,
    },
  ];
  function number(
    id: "calls" | "rate" | "images",
    of: (summary: Summary) => number | undefined,
    format: (value: number) => string,
  ): Column<Part> {
    return {
      id,
      label: t.parts[id],
      numeric: true,
      cell: ({ summary }) => {
        const value = of(summary);
        return value === undefined ? "–" : format(value);
      },
      sort: ({ summary }) => of(summary),
    };
  }
  return (
    <div class="dash-parts">
      <DataTable label={t.over.bys[by]} rows={parts} columns={columns} rowKey={({ label }) => label} />
    </div>
  );
}

function Cost({ costUsd, unpricedImages }: Summary) {
  const t = texts();
  if (unpricedImages === 0) return <>{formatMoney(costUsd)}</>;
  if (costUsd === 0) return <span class="soft">{t.figures.unknown}</span>;
  return (
    <>
      {formatMoney(costUsd)} <span class="soft small">{t.parts.unpriced(formatNumber(unpricedImages))}</span>
    </>
  );
}
