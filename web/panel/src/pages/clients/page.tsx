/** Clients: who may use the gateway with a key of its own, for what, and how much. */
import { useSignal } from "@preact/signals";
import { Plus, Users } from "lucide-preact";
import { useLocation } from "preact-iso";
import { Button } from "../../parts/button.tsx";
import type { Column } from "../../parts/columns.tsx";
import { DataTable } from "../../parts/data_table.tsx";
import { EndlessEnd, useEndless } from "../../parts/endless.tsx";
import { Card, PageHeader } from "../../parts/page.tsx";
import { FilterBar, SearchBox } from "../../parts/search_box.tsx";
import { Badge, Status, Time, type Tone } from "../../parts/signs.tsx";
import { EmptyState, Skeleton } from "../../parts/states.tsx";
import { api, call } from "../../api.ts";
import { formatMoney, formatNumber } from "../../format.ts";
import { ClientDialog } from "./client_dialog.tsx";
import { type Client, standingOf } from "./clients.ts";
import { NewClientDialog } from "./new_client.tsx";
import { texts } from "./texts.ts";
import "./page.css";

const TONES: Record<ReturnType<typeof standingOf>, Tone> = {
  enabled: "good",
  disabled: "quiet",
  expired: "warn",
};

export default function ClientsPage() {
  const t = texts();
  const { query, route } = useLocation();
  const q = query.q ?? "";
  const isMaking = useSignal(false);
  const opened = useSignal<string | undefined>(undefined);
  const clients = useEndless(
    (after, signal) =>
      call(api.clients.$get({ query: { after, limit: "100", q: q || undefined } }, { init: { signal } })),
    { by: [q], on: ["clients", "stats"] },
  );
  const rows = clients.items.value;
  const client = rows.find(({ id }) => id === opened.value);
  const isEmpty = rows.length === 0 && !clients.loading.value && !clients.error.value;
  const make = <Button kind="primary" icon={Plus} onClick={() => isMaking.value = true}>{t.make}</Button>;
  return (
    <>
      <PageHeader title={t.title} lead={t.lead}>{make}</PageHeader>
      {isEmpty && q === ""
        ? (
          <Card>
            <EmptyState icon={Users} title={t.empty} action={make}>{t.emptyLead}</EmptyState>
          </Card>
        )
        : (
          <>
            <FilterBar>
              <SearchBox
                label={t.search}
                value={q}
                onSearch={(text) => route(text ? `/clients?q=${encodeURIComponent(text)}` : "/clients", true)}
              />
            </FilterBar>
            <Card flush>
              {rows.length > 0
                ? <ClientTable rows={rows} onOpen={({ id }) => opened.value = id} />
                : isEmpty
                ? <EmptyState title={t.nobodyFound} />
                : clients.loading.value && (
                  <div class="clients-wait">
                    <Skeleton />
                  </div>
                )}
            </Card>
            <EndlessEnd of={clients} />
          </>
        )}
      {isMaking.value && <NewClientDialog onClose={() => isMaking.value = false} onMade={clients.reload} />}
      {client && (
        <ClientDialog
          key={client.id}
          of={client}
          onClose={() => opened.value = undefined}
          onSaved={clients.reload}
        />
      )}
    </>
  );
}

function ClientTable({ rows, onOpen }: { rows: readonly Client[]; onOpen: (client: Client) => void }) {
  const t = texts();
  const columns: Column<Client>[] = [
    { id: "name", label: t.name, sort: ({ name }) => name, cell: ({ name }) => name },
    { id: "key", label: t.key, cell: ({ keyPreview }) => <span class="mono">{keyPreview}</span> },
    {
      id: "state",
      label: t.state,
      sort: (client) => standingOf(client),
      cell: (client) => {
        const standing = standingOf(client);
        return (
          <span class="row">
            <Status tone={TONES[standing]}>{t.standings[standing]}</Status>
            {standing === "enabled" && client.expiresAt && (
              <span class="soft small">
                {t.ends} <Time at={client.expiresAt} />
              </span>
            )}
          </span>
        );
      },
    },
    {
      id: "today",
      label: t.today,
      numeric: true,
      sort: ({ usage }) => usage.today.images,
      cell: ({ usage: { today }, imagesPerDay, usdPerDay }) => (
        <Amounts used={today} images={imagesPerDay} usd={usdPerDay} />
      ),
    },
    {
      id: "month",
      label: t.month,
      numeric: true,
      sort: ({ usage }) => usage.month.images,
      cell: ({ usage: { month }, imagesPerMonth, usdPerMonth }) => (
        <Amounts used={month} images={imagesPerMonth} usd={usdPerMonth} />
      ),
    },
    {
      id: "may",
      label: t.may,
      cell: ({ models, providers, requestsPerMinute }) => (
        <span class="row">
          {requestsPerMinute !== null && <Badge>{t.aMinute(formatNumber(requestsPerMinute))}</Badge>}
          {models.length > 0 && <Badge>{t.modelCount(models.length)}</Badge>}
          {providers.length > 0 && <Badge>{t.providerCount(providers.length)}</Badge>}
          {requestsPerMinute === null && models.length + providers.length === 0 && (
            <span class="soft small">{t.everything}</span>
          )}
        </span>
      ),
    },
  ];
  return <DataTable label={t.title} rows={rows} columns={columns} rowKey={({ id }) => id} onOpen={onOpen} />;
}

/** Pictures and dollars, with what they may come to. */
function Amounts({ used, images, usd }: {
  used: { images: number; usd: number };
  images: number | null;
  usd: number | null;
}) {
  const t = texts();
  return (
    <span class="clients-amounts">
      <Amount used={used.images} most={images} format={formatNumber} say={t.imagesOf} />
      <Amount used={used.usd} most={usd} format={formatMoney} say={(amount) => amount} />
    </span>
  );
}

function Amount({ used, most, format, say }: {
  used: number;
  most: number | null;
  format: (value: number) => string;
  say: (amount: string) => string;
}) {
  const told = say(most === null ? format(used) : `${format(used)} / ${format(most)}`);
  return (
    <span>
      {told}
      {most !== null && (
        <meter
          aria-label={told}
          min={0}
          max={most}
          high={most * 0.8}
          low={most * 0.8}
          optimum={0}
          value={Math.min(used, most)}
        />
      )}
    </span>
  );
}
