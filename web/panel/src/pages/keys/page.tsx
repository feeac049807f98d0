/** Keys: the pools behind the channels, what state each key is in, and what is done to many at once. */
import { type Signal, useSignal } from "@preact/signals";
import { CircleCheck, Download, KeyRound, Moon, Plus } from "lucide-preact";
import { useLocation } from "preact-iso";
import { useMemo } from "preact/hooks";
import { Button } from "../../parts/button.tsx";
import type { Column } from "../../parts/columns.tsx";
import { confirm } from "../../parts/dialog.tsx";
import { Menu } from "../../parts/menu.tsx";
import { Card, PageHeader } from "../../parts/page.tsx";
import { FilterBar, FilterSelect, SearchBox } from "../../parts/search_box.tsx";
import { Badge, Status, Time } from "../../parts/signs.tsx";
import { EmptyState, ErrorState, Loaded, Skeleton } from "../../parts/states.tsx";
import { toast } from "../../parts/toasts.tsx";
import { VirtualTable } from "../../parts/virtual.tsx";
import { api, call } from "../../api.ts";
import { formatDuration, formatNumber } from "../../format.ts";
import { useResource } from "../../resource.ts";
import { CheckCard } from "./check_card.tsx";
import { useChecking } from "./checking.ts";
import { type KeyActions, KeyDialog } from "./details.tsx";
import { ExportDialog } from "./export.tsx";
import { ImportDialog } from "./import.tsx";
import { type KeyPages, useKeyPages } from "./key_pages.ts";
import { act, type Action, type Counts, type Filter, type Key, readIds, STATES, TONES } from "./keys.ts";
import { Pools } from "./pools.tsx";
import { texts } from "./texts.ts";
import "./page.css";

const HOUR = 60 * 60_000;
const RESTS = [HOUR, 8 * HOUR, 24 * HOUR, 7 * 24 * HOUR];

export default function KeysPage() {
  const t = texts();
  const { query, route } = useLocation();
  const filter: Filter = {
    provider: query.provider || undefined,
    state: STATES.find((state) => state === query.state),
    q: query.q || undefined,
  };
  const isFiltered = Boolean(filter.provider || filter.state || filter.q);
  const summary = useResource((signal) => call(api.keys.summary.$get({}, { init: { signal } })), {
    on: ["keys"],
  });
  const pages = useKeyPages(filter);
  const checking = useChecking();
  const selected = useSignal<ReadonlySet<string>>(new Set());
  /** Those of the selected keys that the environment gives, as far as they are not in a page. */
  const fixed = useSignal<ReadonlySet<string>>(new Set());
  const opened = useSignal<string | undefined>(undefined);
  const dialog = useSignal<"" | "add" | "export">("");
  const isBusy = useSignal(false);

  const show = (change: Filter) => {
    selected.value = new Set();
    const asked = Object.entries({ ...filter, ...change }).filter(([, value]) => value);
    route(`/keys${asked.length > 0 ? `?${new URLSearchParams(Object.fromEntries(asked))}` : ""}`, true);
  };
  const refresh = () => {
    pages.refresh();
    summary.reload();
  };
  const byId = useMemo(() => new Map(pages.keys.map((key) => [key.id, key])), [pages.keys]);
  const isFixed = (id: string) => byId.get(id)?.fixed ?? fixed.value.has(id);

  /** Does something to keys; those of the environment are left out where they can't be changed. */
  const change = async (ids: string[], of: (ids: string[]) => Action, { own = false } = {}) => {
    const meant = own ? ids.filter((id) => !isFixed(id)) : ids;
    if (meant.length === 0) return void toast.info(t.allFixed);
    isBusy.value = true;
    try {
      const { changed = 0 } = await act(of(meant));
      toast.good(
        t.changed(changed) + (meant.length < ids.length ? ` ${t.left(ids.length - meant.length)}` : ""),
      );
      selected.value = new Set();
    } catch (error) {
      toast.bad(error);
    }
    isBusy.value = false;
    refresh();
  };
  const check = async (ids: string[]) => {
    try {
      await checking.start(ids);
    } catch (error) {
      toast.bad(error);
    }
    refresh();
  };
  const actions: KeyActions = {
    check,
    rest: (ids, forMs) => void change(ids, (ids) => ({ action: "rest", ids, forMs })),
    revive: (ids) => void change(ids, (ids) => ({ action: "revive", ids })),
    remove: async (ids) => {
      const count = ids.filter((id) => !isFixed(id)).length;
      const isSure = count === 0 || await confirm({
        title: t.removeAsk(count),
        body: <p>{t.removeLead}</p>,
        action: t.remove,
        danger: true,
      });
      if (isSure) await change(ids, (ids) => ({ action: "delete", ids }), { own: true });
      return isSure;
    },
  };
  const selectAll = async () => {
    isBusy.value = true;
    try {
      const found = await readIds(filter);
      fixed.value = new Set(found.fixed);
      selected.value = new Set(found.ids);
    } catch (error) {
      toast.bad(error);
    }
    isBusy.value = false;
  };
  const checkAll = async () => {
    try {
      const { ids } = await readIds(filter);
      if (ids.length === 0) toast.info(t.nothingFound);
      else await check(ids);
    } catch (error) {
      toast.bad(error);
    }
  };
  const count = selected.value.size;
  const key = opened.value === undefined ? undefined : byId.get(opened.value);
  const isRunning = checking.progress.value?.isRunning ?? false;

  return (
    <>
      <PageHeader title={t.title} lead={t.lead}>
        <Button icon={CircleCheck} busy={isRunning} onClick={checkAll}>
          {isFiltered ? t.checkFound : t.checkAll}
        </Button>
        <Button icon={Download} onClick={() => dialog.value = "export"}>{t.export}</Button>
        <Button kind="primary" icon={Plus} onClick={() => dialog.value = "add"}>{t.add}</Button>
      </PageHeader>
      <div class="stack">
        <CheckCard checking={checking} />
        <Loaded from={summary} lines={2}>
          {({ data, total }) =>
            total.total === 0 && !isFiltered
              ? (
                <Card>
                  <EmptyState
                    icon={KeyRound}
                    title={t.empty}
                    action={
                      <Button kind="primary" icon={Plus} onClick={() => dialog.value = "add"}>{t.add}</Button>
                    }
                  >
                    {t.emptyLead}
                  </EmptyState>
                </Card>
              )
              : (
                <>
                  <Pools
                    pools={data}
                    total={total}
                    selected={filter.provider}
                    onSelect={(provider) => show({ provider })}
                  />
                  <Card flush>
                    <div class="keys-bars">
                      {count === 0
                        ? (
                          <FilterBar>
                            <SearchBox
                              label={t.search}
                              value={filter.q ?? ""}
                              onSearch={(q) => show({ q })}
                            />
                            <FilterSelect
                              label={t.state}
                              all={t.allStates}
                              value={filter.state ?? ""}
                              onValue={(state) => show({ state: STATES.find((one) => one === state) })}
                              options={STATES.map((value) => ({ value, label: t.states[value] }))}
                            />
                            <span class="soft small">
                              {told(filter, data, total, pages)}
                            </span>
                          </FilterBar>
                        )
                        : (
                          <div class="filters" role="group" aria-label={t.selectedActions}>
                            <strong role="status">{t.selected(formatNumber(count))}</strong>
                            {(pages.hasMore || count < pages.keys.length) && (
                              <Button small kind="quiet" busy={isBusy.value} onClick={selectAll}>
                                {t.selectAll}
                              </Button>
                            )}
                            <Button small kind="quiet" onClick={() => selected.value = new Set()}>
                              {t.selectNone}
                            </Button>
                            <span class="row end grow">
                              <Bulk ids={[...selected.value]} actions={actions} change={change} />
                              <Button small onClick={() => dialog.value = "export"}>{t.export}</Button>
                            </span>
                          </div>
                        )}
                    </div>
                    <Table
                      pages={pages}
                      selected={selected}
                      onOpen={({ id }) => opened.value = id}
                      onRetry={refresh}
                    />
                  </Card>
                </>
              )}
        </Loaded>
      </div>
      {dialog.value === "add" && <ImportDialog onClose={() => dialog.value = ""} onAdded={refresh} />}
      {dialog.value === "export" && (
        <ExportDialog
          what={count > 0 ? t.exportSelected(count) : isFiltered ? t.exportFound : t.exportAll}
          idsOf={async () =>
            count > 0 ? [...selected.value] : isFiltered ? (await readIds(filter)).ids : undefined}
          onClose={() => dialog.value = ""}
        />
      )}
      {key && (
        <KeyDialog
          key={key.id}
          of={key}
          actions={actions}
          onClose={() => opened.value = undefined}
          onSaved={refresh}
        />
      )}
    </>
  );
}

function Bulk({ ids, actions, change }: {
  ids: string[];
  actions: KeyActions;
  change: (ids: string[], of: (ids: string[]) => Action, options?: { own?: boolean }) => Promise<void>;
}) {
  const t = texts();
  const turn = (action: "enable" | "disable") => change(ids, (ids) => ({ action, ids }), { own: true });
  return (
    <>
      <Button small onClick={() => actions.check(ids)}>{t.check}</Button>
      <Button small onClick={() => turn("enable")}>{t.enable}</Button>
      <Button small onClick={() => turn("disable")}>{t.disable}</Button>
      <Button small onClick={() => actions.revive(ids)}>{t.revive}</Button>
      <Menu
        icon={Moon}
        label={t.rest}
        items={RESTS.map((ms) => ({
          label: t.restFor(formatDuration(ms)),
          onChoose: () => actions.rest(ids, ms),
        }))}
      />
      <Button small kind="danger" onClick={() => void actions.remove(ids)}>{t.remove}</Button>
    </>
  );
}

function Table({ pages, selected, onOpen, onRetry }: {
  pages: KeyPages;
  selected: Signal<ReadonlySet<string>>;
  onOpen: (key: Key) => void;
  onRetry: () => void;
}) {
  const t = texts();
  const columns: Column<Key>[] = [
    {
      id: "name",
      label: t.name,
      width: "minmax(9rem, 1.2fr)",
      cell: ({ name, fixed, variable }) => fixed ? variable ?? name : name,
    },
    { id: "provider", label: t.provider, width: "9rem", cell: ({ provider }) => provider },
    {
      id: "key",
      label: t.key,
      width: "7.5rem",
      cell: ({ preview }) => <span class="mono">{preview}</span>,
    },
    {
      id: "state",
      label: t.state,
      width: "minmax(11rem, 2fr)",
      cell: (key) => <StateCell of={key} />,
    },
    {
      id: "calls",
      label: t.calls,
      width: "8.5rem",
      numeric: true,
      cell: ({ successes, failures }) => (
        <span title={t.callsTold(formatNumber(successes), formatNumber(failures))}>
          {formatNumber(successes)} / {formatNumber(failures)}
        </span>
      ),
    },
    { id: "used", label: t.lastUsed, width: "8rem", cell: ({ lastUsedAt }) => <Time at={lastUsedAt} /> },
  ];
  if (pages.error.value && pages.keys.length === 0) {
    return <ErrorState error={pages.error.value} retry={onRetry} />;
  }
  if (!pages.isRead.value) {
    return (
      <div class="keys-wait">
        <Skeleton lines={6} />
      </div>
    );
  }
  if (pages.keys.length === 0) return <EmptyState title={t.nothingFound}>{t.nothingFoundLead}</EmptyState>;
  return (
    <div class="keys-table">
      <VirtualTable
        label={t.title}
        rows={pages.keys}
        columns={columns}
        rowKey={({ id }) => id}
        rowLabel={({ name, provider }) => `${provider} ${name}`}
        selected={selected}
        onOpen={onOpen}
        onVisible={pages.onVisible}
      />
    </div>
  );
}

function StateCell({ of: { state, reason, backAt, restingModels, fixed } }: { of: Key }) {
  const t = texts();
  return (
    <span class="keys-state">
      <span class="row">
        <Status tone={TONES[state]}>{t.states[state]}</Status>
        {backAt && (
          <span class="soft">
            {t.backAt} <Time at={backAt} />
          </span>
        )}
        {fixed && <Badge>{t.readOnly}</Badge>}
        {restingModels.length > 0 && <Badge tone="warn">{t.restsForModels(restingModels.length)}</Badge>}
      </span>
      {reason && backAt && <span class="soft cut" title={reason}>{t.reason(reason)}</span>}
    </span>
  );
}

/** How many there are, where that is known without reading them all. */
function told(
  { provider, state, q }: Filter,
  pools: readonly (Counts & { provider: string })[],
  total: Counts,
  { keys, hasMore }: Pick<KeyPages, "keys" | "hasMore">,
): string {
  const t = texts();
  const counts = provider === undefined ? total : pools.find((pool) => pool.provider === provider);
  if (q) return t.shown(formatNumber(keys.length), hasMore);
  return t.shown(formatNumber(counts?.[state ?? "total"] ?? 0), false);
}
