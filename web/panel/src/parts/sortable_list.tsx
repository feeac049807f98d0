/** A list that is put in order: by drag, or by buttons that work with keyboard and screen reader too. */
import { combine } from "@atlaskit/pragmatic-drag-and-drop/combine";
import { draggable, dropTargetForElements } from "@atlaskit/pragmatic-drag-and-drop/element/adapter";
import { useSignal } from "@preact/signals";
import { ChevronDown, ChevronUp, GripVertical } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { IconButton } from "./button.tsx";
import { partTexts } from "./texts.ts";

/** `<SortableList label={t.order} items={channels} itemKey={nameOf} itemLabel={nameOf} onOrder={save}>{(channel) => …}</SortableList>` */
export function SortableList<Item>({ label, items, itemKey, itemLabel, onOrder, children }: {
  label: string;
  items: readonly Item[];
  itemKey: (item: Item) => string;
  itemLabel: (item: Item) => string;
  /** All items in their new order. */
  onOrder: (items: Item[]) => void;
  children: (item: Item, index: number) => ComponentChildren;
}) {
  const t = partTexts();
  const list = useId();
  const told = useSignal("");
  const move = (from: number, to: number) => {
    const item = items[from];
    if (item === undefined || from === to || to < 0 || to >= items.length) return;
    onOrder(items.toSpliced(from, 1).toSpliced(to, 0, item));
    told.value = t.moved(itemLabel(item), to + 1, items.length);
  };
  return (
    <>
      <ol class="sortable stack tight" aria-label={label}>
        {items.map((item, index) => (
          <SortableItem
            key={itemKey(item)}
            list={list}
            index={index}
            count={items.length}
            label={itemLabel(item)}
            move={move}
          >
            {children(item, index)}
          </SortableItem>
        ))}
      </ol>
      <span class="unseen" role="status">{told.value}</span>
    </>
  );
}

function SortableItem({ list, index, count, label, move, children }: {
  list: string;
  index: number;
  count: number;
  label: string;
  move: (from: number, to: number) => void;
  children: ComponentChildren;
}) {
  const t = partTexts();
  const item = useRef<HTMLLIElement>(null);
  const grip = useRef<HTMLSpanElement>(null);
  const state = useSignal<"" | "dragged" | "target">("");
  const now = useRef({ index, move });
  now.current = { index, move };
  useEffect(() =>
    combine(
      draggable({
        element: item.current!,
        dragHandle: grip.current!,
        getInitialData: () => ({ list, index: now.current.index }),
        onDragStart: () => state.value = "dragged",
        onDrop: () => state.value = "",
      }),
      dropTargetForElements({
        element: item.current!,
        canDrop: ({ source }) => source.data.list === list && source.element !== item.current,
        onDragEnter: () => state.value = "target",
        onDragLeave: () => state.value = "",
        onDrop: ({ source }) => {
          state.value = "";
          now.current.move(Number(source.data.index), now.current.index);
        },
      }),
    ), [list]);
  return (
    <li ref={item} class={state.value}>
      <span ref={grip} class="grip" title={t.drag(label)}>
        <GripVertical size={18} aria-hidden="true" />
      </span>
      <div class="content">{children}</div>
      <IconButton
        icon={ChevronUp}
        small
        label={t.moveUp(label)}
        disabled={index === 0}
        onClick={() => move(index, index - 1)}
      />
      <IconButton
        icon={ChevronDown}
        small
        label={t.moveDown(label)}
        disabled={index === count - 1}
        onClick={() => move(index, index + 1)}
      />
    </li>
  );
}
