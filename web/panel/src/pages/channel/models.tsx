/** The models of a provider: what each can do, what it costs, and whether it is offered. */
import { useSignal } from "@preact/signals";
import type { Column } from "../../parts/columns.tsx";
import { DataTable } from "../../parts/data_table.tsx";
import type { FormState } from "../../parts/form.tsx";
import { Card } from "../../parts/page.tsx";
import { SearchBox } from "../../parts/search_box.tsx";
import { Badge, Duration } from "../../parts/signs.tsx";
import { formatMoney } from "../../format.ts";
import type { Provider } from "./channels.ts";
import type { Draft } from "./provider_draft.ts";
import { texts } from "./texts.ts";

interface Row {
  id: string;
  model?: Provider["models"][number];
}

const FEW = 12;

export function Models({ provider, form }: { provider: Provider; form: FormState<Draft> }) {
  const t = texts();
  const q = useSignal("");
  const { models, hiddenModels, ownPrices } = provider;
  const { prices, hidden } = form.values.value;
  const listed = models.map((model): Row => ({ id: model.id, model }));
  const others = hiddenModels.filter((id) => !models.some((model) => model.id === id)).map((id): Row => ({
    id,
  }));
  const all = [...listed, ...others];
  const rows = all.filter(({ id }) => id.toLowerCase().includes(q.value.toLowerCase()));
  const columns: Column<Row>[] = [
    {
      id: "id",
      label: t.model,
      sort: ({ id }) => id,
      cell: ({ id, model }) => (
        <span class="mono channel-model">
          {id} {model?.retires && <Badge tone="warn">{t.retires(model.retires)}</Badge>}
        </span>
      ),
    },
    {
      id: "tasks",
      label: t.can,
      cell: ({ model }) => model && <span class="small">{t.tasks(model.tasks)}</span>,
    },
    {
      id: "latency",
      label: t.latency,
      numeric: true,
      sort: ({ model }) => model?.latencyMs,
      cell: ({ model }) => <Duration ms={model?.latencyMs} />,
    },
    {
      id: "price",
      label: t.price,
      numeric: true,
      sort: ({ id, model }) => prices[id] ?? model?.priceUsd,
      cell: ({ id, model }) => {
        // The gateway's own price is not told where somebody set another one.
        const own = id in ownPrices ? undefined : model?.priceUsd;
        return (
          <span class="with-unit channel-price">
            <span>$</span>
            <input
              class="input number"
              type="number"
              min={0}
              step="any"
              aria-label={t.priceOf(id)}
              placeholder={own === undefined ? t.unknown : formatMoney(own).replace("$", "")}
              value={prices[id] ?? ""}
              onInput={({ currentTarget: { valueAsNumber, validity } }) => {
                if (!validity.valid) return;
                const value = Number.isNaN(valueAsNumber) ? undefined : valueAsNumber;
                form.set("prices", { ...prices, [id]: value });
              }}
            />
          </span>
        );
      },
    },
    {
      id: "offered",
      label: t.offered,
      cell: ({ id }) => (
        <input
          type="checkbox"
          class="tick"
          aria-label={t.offer(id)}
          checked={!hidden.includes(id)}
          onChange={({ currentTarget: { checked } }) =>
            form.set("hidden", checked ? hidden.filter((other) => other !== id) : [...hidden, id])}
        />
      ),
    },
  ];
  if (all.length === 0) return null;
  return (
    <Card
      flush
      title={t.models}
      actions={all.length > FEW &&
        <SearchBox label={t.findModel} value={q.value} onSearch={(text) => q.value = text} />}
    >
      <DataTable label={t.models} rows={rows} columns={columns} rowKey={({ id }) => id} />
      <p class="soft small channel-foot">{t.modelsLead}</p>
    </Card>
  );
}
