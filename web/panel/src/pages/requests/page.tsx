/** The history of requests: to search, to filter, and each one with its way. */
import { useSignal } from "@preact/signals";
import { Activity, ArrowUp, FilterX, Search } from "lucide-preact";
import { useEffect } from "preact/hooks";
import { api, call } from "../../api.ts";
import { listen } from "../../live.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { EndlessEnd, useEndless } from "../../parts/endless.tsx";
import { PageHeader } from "../../parts/page.tsx";
import { EmptyState, Skeleton } from "../../parts/states.tsx";
import { RequestDialog } from "./dialog.tsx";
import { Filters } from "./filters.tsx";
import { RequestList } from "./list.tsx";
import { asQuery, useLook } from "./look.ts";
import { texts } from "./texts.ts";
import "./page.css";

/** The head is read again so often at most, in ms: a search has to read much of the history each time. */
const PAUSE = 1000;
const PAUSE_OF_SEARCH = 10_000;
/** Whoever has scrolled further than this, in px, reads, and is not to be disturbed. */
const AT_TOP = 240;

export default function RequestsPage() {
  const t = texts();
  const { look, isFiltered, id, change, clear, open, close } = useLook();
  const hasNewer = useSignal(false);
  const list = useEndless((after, signal) =>
    call(api.requests.$get(
      { query: { ...asQuery(look), limit: after ? "100" : "50", ...after && { after } } },
      { init: { signal } },
    )), { by: Object.values(look) });
  const showNewer = () => {
    hasNewer.value = false;
    list.reload();
  };
  useEffect(() => {
    hasNewer.value = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = listen(["stats"], () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        if (scrollY < AT_TOP) showNewer();
        else hasNewer.value = true;
      }, look.q ? PAUSE_OF_SEARCH : PAUSE);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, Object.values(look));

  const rows = list.items.value;
  return (
    <>
      <PageHeader title={t.title} lead={t.lead} />
      <Filters look={look} isFiltered={isFiltered} onChange={change} onClear={clear} />
      {hasNewer.value && (
        <div class="requests-newer">
          <Button
            kind="primary"
            small
            icon={ArrowUp}
            onClick={() => {
              scrollTo(0, 0);
              showNewer();
            }}
          >
            {t.newer}
          </Button>
        </div>
      )}
      {rows.length > 0
        ? (
          <div class="card flush requests-list">
            <RequestList rows={rows} onOpen={({ id }) => open(id)} />
          </div>
        )
        : list.loading.value
        ? <Skeleton lines={8} />
        : !list.error.value && <Nothing isFiltered={isFiltered} onClear={clear} />}
      <EndlessEnd of={list} />
      <RequestDialog id={id} onClose={close} />
    </>
  );
}

function Nothing({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }) {
  const t = texts();
  return isFiltered
    ? (
      <EmptyState
        icon={Search}
        title={t.noMatch}
        action={<Button icon={FilterX} onClick={onClear}>{t.clear}</Button>}
      >
        {t.noMatchHint}
      </EmptyState>
    )
    : (
      <EmptyState
        icon={Activity}
        title={t.none}
        action={<LinkButton kind="primary" href="/playground">{t.toPlayground}</LinkButton>}
      >
        {t.noneHint}
      </EmptyState>
    );
}
