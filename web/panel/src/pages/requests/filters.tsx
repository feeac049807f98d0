/** The bar of filters above the history. */
import { useSignal } from "@preact/signals";
import { FilterX, SlidersHorizontal } from "lucide-preact";
import { api, call } from "../../api.ts";
import { Button } from "../../parts/button.tsx";
import { FilterBar, FilterSelect, SearchBox } from "../../parts/search_box.tsx";
import { useResource } from "../../resource.ts";
import type { Look } from "./look.ts";
import { texts } from "./texts.ts";

const STATUSES = ["ok", "failed", "4xx", "5xx", "429"] as const;

export function Filters({ look, isFiltered, onChange, onClear }: {
  look: Look;
  isFiltered: boolean;
  onChange: (change: Partial<Look>) => void;
  onClear: () => void;
}) {
  const t = texts();
  const facets = useResource((signal) => call(api.requests.facets.$get({}, { init: { signal } })));
  const { providers = [], models = [], clients = [] } = facets.data.value ?? {};
  const select = (name: "provider" | "model" | "client", all: string, found: string[]) => (
    <FilterSelect
      label={t.words[name]}
      all={all}
      value={look[name]}
      onValue={(value) => onChange({ [name]: value })}
      // What the address asks for may not be among them.
      options={[...new Set([...found, look[name]])].filter((value) => value !== "")
        .map((value) => ({ value, label: name === "client" && value === "relay" ? t.relay : value }))}
    />
  );
  const isOpen = useSignal(false);
  return (
    <FilterBar>
      <SearchBox label={t.search} value={look.q} onSearch={(q) => onChange({ q })} />
      <div class="requests-toggle">
        <Button
          icon={SlidersHorizontal}
          aria-expanded={isOpen.value}
          onClick={() => isOpen.value = !isOpen.value}
        >
          {t.filters}
        </Button>
      </div>
      <div class="requests-filters" data-open={isOpen.value || undefined}>
        <FilterSelect
          label={t.words.outcome}
          all={t.allStatuses}
          value={look.status}
          onValue={(status) => onChange({ status })}
          options={STATUSES.map((value) => ({ value, label: t.statuses[value] }))}
        />
        {select("provider", t.allProviders, providers)}
        {select("model", t.allModels, models)}
        {select("client", t.allClients, clients)}
        <div class="requests-moments">
          <Moment label={t.from} value={look.from} max={look.to} onValue={(from) => onChange({ from })} />
          <Moment label={t.to} value={look.to} min={look.from} onValue={(to) => onChange({ to })} />
        </div>
      </div>
      {isFiltered && <Button kind="quiet" icon={FilterX} onClick={onClear}>{t.clear}</Button>}
    </FilterBar>
  );
}

function Moment({ label, value, onValue, min, max }: {
  label: string;
  value: string;
  onValue: (value: string) => void;
  min?: string;
  max?: string;
}) {
  return (
    <label class="requests-moment">
      <span class="soft small">{label}</span>
      <input
        type="datetime-local"
        class="input"
        value={value}
        min={min || undefined}
        max={max || undefined}
        onChange={({ currentTarget }) => onValue(currentTarget.value)}
      />
    </label>
  );
}
