/** Lists of which only the visible window is drawn: ten thousand rows cost as much as thirty. */
import { useSignal } from "@preact/signals";
import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
  type VirtualizerOptions,
} from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useMemo, useReducer, useRef } from "preact/hooks";
import {
  AllTick,
  ColumnHead,
  isForControl,
  LeadCell,
  type Order,
  RowTick,
  sorted,
  sortState,
  type TableProps,
} from "./columns.tsx";

interface WindowOptions {
  count: number;
  /** Height of a row in px, before it was measured. */
  estimate: number;
  keyOf: (index: number) => string;
  /** Keeps the end in view while it is there, as a log does. */
  follow?: boolean;
}

/** So near to the end, in px, is at the end. */
const AT_END = 40;

function useWindow({ count, estimate, keyOf, follow }: WindowOptions) {
  const box = useRef<HTMLDivElement>(null);
  const [, redraw] = useReducer((times: number, _: void) => times + 1, 0);
  const options: VirtualizerOptions<HTMLDivElement, HTMLElement> = {
    count,
    getScrollElement: () => box.current,
    estimateSize: () => estimate,
    getItemKey: keyOf,
    overscan: 8,
    // Who reads further up keeps the place, although old lines go and new ones come.
    anchorTo: follow === undefined ? "start" : "end",
    scrollEndThreshold: AT_END,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => redraw(),
  };
  const virtual = useMemo(() => new Virtualizer(options), []);
  virtual.setOptions(options);
  useLayoutEffect(() => virtual._didMount(), []);
  useLayoutEffect(() => virtual._willUpdate());
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (follow && isAtEnd.current && count > 0) virtual.scrollToEnd();
  }, [count, follow]);
  const onScroll = (
    { currentTarget: { scrollHeight, scrollTop, clientHeight } }: { currentTarget: Element },
  ) => {
    isAtEnd.current = scrollHeight - scrollTop - clientHeight < AT_END;
  };
  return { box, virtual, onScroll };
}

interface BoxProps {
  /** `page` takes the rest of the window's height; otherwise in px. */
  height?: number | "page";
}

function boxStyle(height: BoxProps["height"]) {
  return typeof height === "number" ? { "--virtual-height": `${height}px` } : undefined;
}

/** `<VirtualList label={t.log} items={lines} itemKey={({ id }) => id} follow>{(line) => <Line {...line} />}</VirtualList>` */
export function VirtualList<Item>(
  { label, items, itemKey, estimate = 32, follow, height = "page", onEnd, children }: BoxProps & {
    label: string;
    items: readonly Item[];
    itemKey: (item: Item) => string;
    estimate?: number;
    follow?: boolean;
    /** The last item came into view. */
    onEnd?: () => void;
    children: (item: Item, index: number) => ComponentChildren;
  },
) {
  const { box, virtual, onScroll } = useWindow({
    count: items.length,
    estimate,
    keyOf: (index) => itemKey(items[index]!),
    follow,
  });
  const visible = virtual.getVirtualItems();
  /** The browser would move there little by little, and be stopped by rows that turn out to be higher. */
  const jump = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget || !["Home", "End"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Home") virtual.scrollToOffset(0);
    else virtual.scrollToEnd();
  };
  const isEnd = items.length > 0 && visible.at(-1)?.index === items.length - 1;
  useLayoutEffect(() => {
    if (isEnd) onEnd?.();
  }, [isEnd, items.length]);
  return (
    <div
      ref={box}
      class={`virtual ${height === "page" ? "page-high" : ""}`}
      style={boxStyle(height)}
      role="list"
      aria-label={label}
      tabIndex={0}
      onScroll={onScroll}
      onKeyDown={jump}
    >
      <div class="inner" role="presentation" style={{ height: `${virtual.getTotalSize()}px` }}>
        {visible.map(({ key, index, start }) => (
          <div
            key={key}
            ref={virtual.measureElement}
            data-index={index}
            class="item"
            role="listitem"
            aria-posinset={index + 1}
            aria-setsize={items.length}
            style={{ translate: `0 ${start}px` }}
          >
            {children(items[index]!, index)}
          </div>
        ))}
      </div>
    </div>
  );
}

/** As DataTable, for any number of rows; columns have a `width`. */
export function VirtualTable<Row>(
  {
    label,
    rows,
    columns,
    rowKey,
    onOpen,
    selected,
    rowLabel = rowKey,
    order: first,
    height = "page",
    onVisible,
  }:
    & TableProps<Row>
    & BoxProps
    & {
      order?: Order;
      /** Other rows came into view; the places of the first and the last of them. */
      onVisible?: (first: number, last: number) => void;
    },
) {
  const order = useSignal(first);
  const ordered = useMemo(() => sorted(rows, columns, order.value), [rows, columns, order.value]);
  const keys = useMemo(() => rows.map(rowKey), [rows]);
  const { box, virtual, onScroll } = useWindow({
    count: ordered.length,
    estimate: 41,
    keyOf: (index) => rowKey(ordered[index]!),
  });
  const visible = virtual.getVirtualItems();
  const from = visible[0]?.index ?? 0;
  const to = visible.at(-1)?.index ?? 0;
  useLayoutEffect(() => onVisible?.(from, to), [from, to, rows]);
  const tracks = columns.map(({ width }) => width ?? "minmax(0, 1fr)");
  const style = { "--columns": [...selected ? ["2.6rem"] : [], ...tracks].join(" "), ...boxStyle(height) };
  return (
    <div class="table-box">
      <div
        ref={box}
        class={`virtual vtable ${height === "page" ? "page-high" : ""}`}
        style={style}
        role="table"
        aria-label={label}
        aria-rowcount={rows.length + 1}
        tabIndex={0}
        onScroll={onScroll}
      >
        <div class="vhead" role="row" aria-rowindex={1}>
          {selected && (
            <span role="columnheader">
              <AllTick keys={keys} selected={selected} />
            </span>
          )}
          {columns.map((column) => (
            <span
              key={column.id}
              role="columnheader"
              class={column.numeric ? "numeric" : undefined}
              aria-sort={sortState(column, order)}
            >
              <ColumnHead column={column} order={order} />
            </span>
          ))}
        </div>
        <div class="inner" role="rowgroup" style={{ height: `${virtual.getTotalSize()}px` }}>
          {visible.map(({ key, index, start }) => {
            const row = ordered[index]!;
            const name = rowKey(row);
            return (
              <div
                key={key}
                ref={virtual.measureElement}
                data-index={index}
                data-selected={selected?.value.has(name) || undefined}
                class={`item vrow${onOpen ? " opens" : ""}`}
                role="row"
                aria-rowindex={index + 2}
                style={{ translate: `0 ${start}px` }}
                onClick={onOpen && ((event) => isForControl(event) || onOpen(row))}
              >
                {selected && (
                  <span role="cell" class="pick">
                    <RowTick of={name} label={rowLabel(row)} selected={selected} />
                  </span>
                )}
                {columns.map((column, place) => (
                  <span
                    key={column.id}
                    role="cell"
                    class={`${place === 0 ? "lead" : ""}${column.numeric ? " numeric" : ""}`}
                    data-label={column.label || undefined}
                  >
                    {place === 0
                      ? <LeadCell onOpen={onOpen && (() => onOpen(row))}>{column.cell(row)}</LeadCell>
                      : column.cell(row)}
                  </span>
                ))}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
