/** A list that is put in order: by drag, or by buttons that work with keyboard and screen reader too. */
import { useSignal } from "@preact/signals";
import { ChevronDown, ChevronUp, GripVertical } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { IconButton } from "./button.tsx";
import { partTexts } from "./texts.ts";

/** `<SortableList label={t.order} items={channels} itemKey={nameOf} itemLabel={nameOf} onOrder={save}>{(channel) => …}</SortableList>` */
export function SortableList<Item>({ label, items, itemKey, itemLabel, onOrder, children }: {
  label: string;
  items: readonly Item[];
  itemKey: (item: Item) => string;
  itemLabel: (item: Item) => string;
  /** All items in their new order, and the one that was moved. */
  onOrder: (items: Item[], moved: Item) => void;
  children: (item: Item, index: number) => ComponentChildren;
}) {
  const t = partTexts();
  const told = useSignal("");
  const dragged = useSignal<number | undefined>(undefined);
  const target = useSignal<number | undefined>(undefined);
  const move = (from: number, to: number) => {
    const item = items[from];
    if (item === undefined || from === to || to < 0 || to >= items.length) return;
    onOrder(items.toSpliced(from, 1).toSpliced(to, 0, item), item);
    told.value = t.moved(itemLabel(item), to + 1, items.length);
  };
  const end = () => dragged.value = target.value = undefined;
  return (
    <>
      <ol class="sortable stack tight" aria-label={label}>
        {items.map((item, index) => (
          <li
            key={itemKey(item)}
            class={index === dragged.value ? "dragged" : index === target.value ? "target" : undefined}
            onDragOver={(event) => {
              if (dragged.value === undefined) return;
              event.preventDefault();
              target.value = index;
            }}
            onDrop={(event) => {
              event.preventDefault();
              const from = dragged.value;
              end();
              if (from !== undefined) move(from, index);
            }}
          >
            <span
              class="grip"
              title={t.drag(itemLabel(item))}
              draggable
              onDragStart={({ currentTarget, dataTransfer }) => {
                dragged.value = index;
                dataTransfer?.setData("text/plain", itemLabel(item));
                dataTransfer?.setDragImage(currentTarget.parentElement!, 0, 0);
              }}
              onDragEnd={end}
            >
              <GripVertical size={18} aria-hidden="true" />
            </span>
            <div class="content">{children(item, index)}</div>
            <IconButton
              icon={ChevronUp}
              small
              label={t.moveUp(itemLabel(item))}
              disabled={index === 0}
              onClick={() => move(index, index - 1)}
            />
            <IconButton
              icon={ChevronDown}
              small
              label={t.moveDown(itemLabel(item))}
              disabled={index === items.length - 1}
              onClick={() => move(index, index + 1)}
            />
          </li>
        ))}
      </ol>
      <span class="unseen" role="status">{told.value}</span>
    </>
  );
}
