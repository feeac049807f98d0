/** The gallery: every picture that was kept, to be found, looked at, used again and removed. */
import { useComputed, useSignal } from "@preact/signals";
import { Images, Paintbrush, SearchX, SlidersHorizontal, Trash2 } from "lucide-preact";
import { useLocation } from "preact-iso";
import { useRef } from "preact/hooks";
import { api, call } from "../../api.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { EndlessEnd } from "../../parts/endless.tsx";
import { PageHeader } from "../../parts/page.tsx";
import { FilterBar, FilterSelect, SearchBox } from "../../parts/search_box.tsx";
import { EmptyState } from "../../parts/states.tsx";
import { useResource } from "../../resource.ts";
import { Lightbox } from "./lightbox.tsx";
import { type Filter, removePictures, useFilter, usePictures } from "./pictures.ts";
import { taskName, texts } from "./texts.ts";
import { Tile } from "./tile.tsx";
import { StorageLine, UpkeepMenu, Works } from "./upkeep.tsx";
import "./page.css";

export default function GalleryPage() {
  const t = texts();
  const { url, query, route } = useLocation();
  const { filter, change } = useFilter();
  const news = useSignal("");
  const ticked = useSignal<ReadonlySet<string>>(new Set());
  const pictures = usePictures(filter, (count) => news.value = t.added(count));
  const isPicking = useComputed(() => ticked.value.size > 0);
  const lastTicked = useRef<string | undefined>(undefined);
  const cameByClick = useRef(false);
  const items = pictures.items.value;

  const show = (name: string | undefined, isFirst = false) => {
    const address = new URL(url, location.origin);
    if (name === undefined) address.searchParams.delete("show");
    else address.searchParams.set("show", name);
    // Opening adds a step to the history, so that "back" closes; going on to the next one doesn't.
    if (name === undefined && cameByClick.current) history.back();
    else route(address.pathname + address.search, !isFirst);
    cameByClick.current = name !== undefined && (isFirst || cameByClick.current);
  };
  const forget = (names: readonly string[]) => {
    const gone = new Set(names);
    pictures.items.value = pictures.items.peek().filter(({ name }) => !gone.has(name));
    ticked.value = new Set([...ticked.peek()].filter((name) => !gone.has(name)));
  };
  const tick = (name: string, isTicked: boolean, isRange: boolean) => {
    const names = pictures.items.peek().map((picture) => picture.name);
    const start = isRange && lastTicked.current ? names.indexOf(lastTicked.current) : -1;
    const end = names.indexOf(name);
    const range = start < 0 ? [name] : names.slice(Math.min(start, end), Math.max(start, end) + 1);
    const next = new Set(ticked.peek());
    for (const one of range) isTicked ? next.add(one) : next.delete(one);
    ticked.value = next;
    lastTicked.current = name;
  };

  return (
    <>
      <PageHeader title={t.title} lead={<StorageLine />}>
        <LinkButton kind="primary" href="/playground" icon={Paintbrush}>{t.make}</LinkButton>
        <UpkeepMenu />
      </PageHeader>
      <Works />
      <Filters filter={filter} change={change} />
      <p class="unseen" role="status">{news.value}</p>
      {items.length === 0 && !pictures.loading.value && !pictures.error.value
        ? <Nothing filter={filter} change={change} />
        : (
          <ul class="gallery" aria-label={t.pictures} aria-busy={pictures.loading.value}>
            {items.map((picture) => (
              <Tile key={picture.name} picture={picture} ticked={ticked} onTick={tick} onOpen={show} />
            ))}
            {items.length === 0 && pictures.loading.value &&
              PLACES.map((place) => (
                <li key={place} class="gallery-tile waiting" aria-hidden="true">
                  <div class="gallery-box" />
                </li>
              ))}
          </ul>
        )}
      <EndlessEnd of={pictures} />
      {isPicking.value && (
        <div class="form-bar" role="region" aria-label={t.selected(ticked.value.size)}>
          <p role="status">{t.selected(ticked.value.size)}</p>
          <Button onClick={() => ticked.value = new Set(items.map(({ name }) => name))}>{t.selectAll}</Button>
          <Button onClick={() => ticked.value = new Set()}>{t.clear}</Button>
          <Button
            kind="danger"
            icon={Trash2}
            onClick={async () => forget(await removePictures([...ticked.peek()]))}
          >
            {t.remove}
          </Button>
        </div>
      )}
      {query.show && (
        <Lightbox
          name={query.show}
          pictures={pictures}
          onShow={show}
          onGone={(name) => forget([name])}
        />
      )}
    </>
  );
}

const PLACES = Array.from({ length: 12 }, (_, place) => place);

function Filters({ filter, change }: { filter: Filter; change: (changed: Filter) => void }) {
  const t = texts();
  const isOpen = useSignal(false);
  const facets = useResource((signal) => call(api.gallery.facets.$get({}, { init: { signal } })), {
    on: ["pictures"],
  });
  const { q: _q, ...others } = filter;
  const count = Object.keys(others).length;
  const select = (name: "provider" | "model" | "client" | "task", values: readonly string[] = []) => (
    <FilterSelect
      label={t[name]}
      all={t.all[name]}
      value={filter[name] ?? ""}
      onValue={(value) => change({ [name]: value })}
      options={[...new Set([...values, ...filter[name] ? [filter[name]] : []])].map((value) => ({
        value,
        label: name === "task" ? taskName(value) : value,
      }))}
    />
  );
  const day = (name: "from" | "to") => (
    <input
      type="date"
      class="input"
      aria-label={t[name]}
      title={t[name]}
      value={filter[name] ?? ""}
      onChange={({ currentTarget }) => change({ [name]: currentTarget.value })}
    />
  );
  const found = facets.data.value;
  return (
    <FilterBar>
      <SearchBox label={t.search} value={filter.q ?? ""} onSearch={(q) => change({ q })} />
      <button
        type="button"
        class="button gallery-more"
        aria-expanded={isOpen.value}
        onClick={() => isOpen.value = !isOpen.value}
      >
        <SlidersHorizontal size={17} aria-hidden="true" />
        {t.filters(count)}
      </button>
      <div class={isOpen.value ? "gallery-filters open" : "gallery-filters"}>
        {select("provider", found?.providers)}
        {select("model", found?.models)}
        {select("client", found?.clients)}
        {select("task", found?.tasks)}
        {day("from")}
        {day("to")}
        {count > 0 && (
          <Button
            kind="quiet"
            onClick={() => change(Object.fromEntries(Object.keys(others).map((name) => [name, ""])))}
          >
            {t.reset}
          </Button>
        )}
      </div>
    </FilterBar>
  );
}

function Nothing({ filter, change }: { filter: Filter; change: (changed: Filter) => void }) {
  const t = texts();
  const names = Object.keys(filter);
  if (names.length > 0) {
    return (
      <EmptyState
        icon={SearchX}
        title={t.nothing}
        action={
          <Button onClick={() => change(Object.fromEntries(names.map((name) => [name, ""])))}>
            {t.reset}
          </Button>
        }
      >
        {t.nothingHint}
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon={Images}
      title={t.empty}
      action={<LinkButton kind="primary" href="/playground" icon={Paintbrush}>{t.make}</LinkButton>}
    >
      {t.emptyHint}
    </EmptyState>
  );
}
