/** A search that waits until somebody stops typing, and a bar to put it in beside other filters. */
import { useSignal } from "@preact/signals";
import { Search } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { partTexts } from "./texts.ts";

const PAUSE = 250;

/** `<SearchBox label={t.search} value={q.value} onSearch={(text) => q.value = text} />` */
export function SearchBox({ label, value, onSearch }: {
  label?: string;
  value: string;
  onSearch: (text: string) => void;
}) {
  const t = partTexts();
  const typed = useSignal(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => void (typed.value = value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const search = (text: string, pause: number) => {
    typed.value = text;
    clearTimeout(timer.current);
    timer.current = setTimeout(onSearch, pause, text);
  };
  return (
    <div class="search" role="search">
      <Search size={16} aria-hidden="true" />
      <input
        type="search"
        class="input"
        aria-label={label ?? t.search}
        placeholder={label ?? t.search}
        value={typed.value}
        onInput={({ currentTarget }) => search(currentTarget.value, PAUSE)}
        onKeyDown={({ key, currentTarget }) => key === "Enter" && search(currentTarget.value, 0)}
      />
    </div>
  );
}

/** `<FilterBar><SearchBox … /><FilterSelect … /></FilterBar>` */
export function FilterBar({ children }: { children: ComponentChildren }) {
  return <div class="filters">{children}</div>;
}

/** A filter of one out of some; `""` is all, and `all` is what that is called. */
export function FilterSelect({ label, all, value, onValue, options }: {
  label: string;
  all: string;
  value: string;
  onValue: (value: string) => void;
  options: readonly { value: string; label: string }[];
}) {
  return (
    <select
      class="input"
      aria-label={label}
      onChange={({ currentTarget }) => onValue(currentTarget.value)}
    >
      <option value="" selected={value === ""}>{all}</option>
      {options.map((option) => (
        <option key={option.value} value={option.value} selected={option.value === value}>
          {option.label}
        </option>
      ))}
    </select>
  );
}
