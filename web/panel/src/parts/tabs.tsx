/** Tabs: arrow keys move between them, only the one that is chosen is drawn. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export interface Tab<Id extends string> {
  id: Id;
  label: ComponentChildren;
}

/** `<Tabs label="…" tabs={[…]} selected={tab.value} onSelect={(id) => tab.value = id}>{content}</Tabs>` */
export function Tabs<Id extends string>(
  { label, tabs, selected, onSelect, children }: {
    label: string;
    tabs: readonly Tab<Id>[];
    selected: Id;
    onSelect: (id: Id) => void;
    children: ComponentChildren;
  },
) {
  const id = useId();
  const place = tabs.findIndex((tab) => tab.id === selected);
  const move = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const index = (to + tabs.length) % tabs.length;
    onSelect(tabs[index]!.id);
    (event.currentTarget.children[index] as HTMLElement).focus();
  };
  return (
    <>
      <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${id}-${tab.id}`}
            aria-selected={tab.id === selected}
            aria-controls={`${id}-panel`}
            tabIndex={tab.id === selected ? 0 : -1}
            onClick={() => onSelect(tab.id)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${selected}`}>{children}</div>
    </>
  );
}
