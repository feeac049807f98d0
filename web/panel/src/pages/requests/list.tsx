/** The rows of the history. */
import type { InferResponseType } from "hono/client";
import type { api } from "../../api.ts";
import { formatNumber } from "../../format.ts";
import type { Column } from "../../parts/columns.tsx";
import { DataTable } from "../../parts/data_table.tsx";
import { Outcome } from "../../parts/outcome.tsx";
import { Duration, Money, Time } from "../../parts/signs.tsx";
import { texts } from "./texts.ts";

/** One request in a listing. */
export type ListedRequest = InferResponseType<typeof api.requests.$get, 200>["data"][number];

/** What was to be done, in words. */
export function taskName(task: string): string {
  const names: Record<string, string> = texts().tasks;
  return names[task] ?? task;
}

/** The model that was asked for, and the one that was used where it is another. */
export function modelsOf({ model, usedModel }: { model: string; usedModel?: string }): string {
  if (!model) return usedModel ?? "";
  return usedModel && usedModel !== model ? texts().used(model, usedModel) : model;
}

/** `<RequestList rows={rows} onOpen={({ id }) => open(id)} />` */
export function RequestList(
  { rows, onOpen }: { rows: readonly ListedRequest[]; onOpen: (request: ListedRequest) => void },
) {
  const t = texts();
  const columns: Column<ListedRequest>[] = [
    {
      id: "prompt",
      label: t.words.prompt,
      cell: (request) => (
        <span class="requests-prompt">
          <span class="cut">{request.prompt || t.noPrompt}</span>
          <span class="soft small cut">{taskName(request.task)} · {modelsOf(request)}</span>
        </span>
      ),
    },
    { id: "outcome", label: t.words.outcome, cell: ({ outcome }) => <Outcome of={outcome} /> },
    {
      id: "provider",
      label: t.words.provider,
      cell: ({ provider }) => provider ?? <span class="soft">–</span>,
    },
    {
      id: "client",
      label: t.words.client,
      cell: ({ client }) =>
        client === "relay"
          ? <span class="soft">{t.relay}</span>
          : <span class="requests-client">{client}</span>,
    },
    {
      id: "images",
      label: t.words.images,
      numeric: true,
      cell: ({ images }) => formatNumber(images),
    },
    {
      id: "attempts",
      label: t.words.attempts,
      numeric: true,
      cell: ({ attempts = [] }) => formatNumber(attempts.length),
    },
    {
      id: "took",
      label: t.words.took,
      numeric: true,
      cell: ({ durationMs }) => <Duration ms={durationMs} />,
    },
    { id: "cost", label: t.words.cost, numeric: true, cell: ({ costUsd }) => <Money usd={costUsd} /> },
    { id: "time", label: t.words.time, numeric: true, cell: ({ time }) => <Time at={time} /> },
  ];
  return <DataTable label={t.title} rows={rows} columns={columns} rowKey={({ id }) => id} onOpen={onOpen} />;
}
