/** What a column is, for the table that shows all its rows and the one that shows a window of them. */
import type { ReadonlySignal, Signal } from "@preact/signals";
import { ArrowDown, ArrowUp } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { partTexts } from "./texts.ts";

/** One column. The first is the row's name, and its heading where rows become cards. */
export interface Column<Row> {
  id: string;
  label: string;
  cell: (row: Row) => ComponentChildren;
  /** What to sort by; without it the column can't be sorted. */
  sort?: (row: Row) => string | number | undefined;
  numeric?: boolean;
  /** Of a virtual table: a track of CSS grid, such as `8rem` or `minmax(10rem, 2fr)`. */
  width?: string;
}

/** What both tables take. */
export interface TableProps<Row> {
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  rowKey: (row: Row) => string;
  /** Opens a row, by a click anywhere in it or by its first column, which becomes a button. */
  onOpen?: (row: Row) => void;
  /** Keys of the rows that are ticked. */
  selected?: Signal<ReadonlySet<string>>;
  /** What is said of a row where it is ticked; its key otherwise. */
  rowLabel?: (row: Row) => string;
}

/** By which column, and which way. */
export interface Order {
  by: string;
  down: boolean;
}

/** The rows in their order; numbers by size, texts as the language sorts them, what is unknown last. */
export function sorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  order: Order | undefined,
): readonly Row[] {
  const of = columns.find(({ id }) => id === order?.by)?.sort;
  if (!order || !of) return rows;
  const sign = order.down ? -1 : 1;
  const { compare } = new Intl.Collator(undefined, { numeric: true });
  return rows.map((row) => ({ row, value: of(row) })).sort(({ value: a }, { value: b }) => {
    if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : compare(String(a), String(b)));
  }).map(({ row }) => row);
}

/** The head of a column: a button where it can be sorted. */
export function ColumnHead<Row>(
  { column, order }: { column: Column<Row>; order: Signal<Order | undefined> },
) {
  const isSorted = order.value?.by === column.id;
  if (!column.sort) return <>{column.label}</>;
  const Arrow = order.value?.down ? ArrowDown : ArrowUp;
  const turn = () => order.value = { by: column.id, down: isSorted && !order.value?.down };
  return (
    <button type="button" class="sorter" onClick={turn}>
      {column.label}
      {isSorted && <Arrow size={14} aria-hidden="true" />}
    </button>
  );
}

/** For `aria-sort`. */
export function sortState(column: { id: string; sort?: unknown }, order: ReadonlySignal<Order | undefined>) {
  if (!column.sort) return undefined;
  return order.value?.by === column.id ? (order.value.down ? "descending" : "ascending") : "none";
}

/** The box that ticks one row. */
export function RowTick({ of, label, selected }: {
  of: string;
  label: string;
  selected: Signal<ReadonlySet<string>>;
}) {
  return (
    <input
      type="checkbox"
      class="tick"
      aria-label={partTexts().select(label)}
      checked={selected.value.has(of)}
      onClick={(event) => event.stopPropagation()}
      onChange={({ currentTarget }) => {
        const next = new Set(selected.value);
        if (currentTarget.checked) next.add(of);
        else next.delete(of);
        selected.value = next;
      }}
    />
  );
}

/** The box that ticks all rows there are. */
export function AllTick({ keys, selected }: {
  keys: readonly string[];
  selected: Signal<ReadonlySet<string>>;
}) {
  const count = keys.filter((key) => selected.value.has(key)).length;
  return (
    <input
      type="checkbox"
      class="tick"
      aria-label={partTexts().selectAll}
      checked={count > 0 && count === keys.length}
      indeterminate={count > 0 && count < keys.length}
      onChange={({ currentTarget }) => selected.value = new Set(currentTarget.checked ? keys : [])}
    />
  );
}

/** The first cell of a row that opens is a button, for those without a mouse. */
export function LeadCell({ onOpen, children }: { onOpen?: () => void; children: ComponentChildren }) {
  if (!onOpen) return <>{children}</>;
  return (
    <button
      type="button"
      class="row-link"
      onClick={(event) => {
        event.stopPropagation();
        onOpen();
      }}
    >
      {children}
    </button>
  );
}

/** Whether a click in a row was meant for a control in it, or ended a selection of text. */
export function isForControl(event: MouseEvent): boolean {
  const isControl = (event.target as Element).closest("a, button, input, select, label, summary") !== null;
  return isControl || getSelection()?.type === "Range";
}
