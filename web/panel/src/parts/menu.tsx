/** A button with a menu below it, by the browser's own popover: it closes by Escape and by a click beside it. */
import type { LucideIcon } from "lucide-preact";
import { useId, useRef } from "preact/hooks";
import { IconButton } from "./button.tsx";

/** One line of a menu. */
export interface MenuItem {
  label: string;
  icon?: LucideIcon;
  /** Of a choice: whether it is the one. */
  isChosen?: boolean;
  onChoose: () => void;
}

/** `<Menu icon={Ellipsis} label={t.more} items={[{ label: t.rest, icon: Moon, onChoose: rest }]} />` */
export function Menu(
  { icon, label, items }: { icon: LucideIcon; label: string; items: readonly MenuItem[] },
) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLSpanElement>(null);
  const place = () => {
    const { bottom, right } = button.current!.getBoundingClientRect();
    const { style, offsetWidth, offsetHeight } = box.current!;
    style.left = `${Math.max(8, Math.min(right - offsetWidth, innerWidth - offsetWidth - 8))}px`;
    style.top = `${Math.max(8, Math.min(bottom + 4, innerHeight - offsetHeight - 8))}px`;
  };
  const move = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const lines = [...box.current!.children] as HTMLElement[];
    const at = lines.indexOf(document.activeElement as HTMLElement);
    lines[(at + step + lines.length) % lines.length]!.focus();
  };
  return (
    <span ref={button}>
      <IconButton icon={icon} label={label} popovertarget={id} aria-haspopup="menu" />
      <div
        ref={box}
        id={id}
        class="menu"
        popover="auto"
        role="menu"
        aria-label={label}
        onKeyDown={move}
        onToggle={({ newState }) => {
          if (newState !== "open") return;
          place();
          const [first] = box.current!.querySelectorAll<HTMLElement>('[aria-checked="true"], button');
          first?.focus();
        }}
      >
        {items.map(({ label, icon: Icon, isChosen, onChoose }) => (
          <button
            key={label}
            type="button"
            role={isChosen === undefined ? "menuitem" : "menuitemradio"}
            aria-checked={isChosen}
            onClick={() => {
              box.current?.hidePopover();
              onChoose();
            }}
          >
            {Icon && <Icon size={16} aria-hidden="true" />}
            {label}
          </button>
        ))}
      </div>
    </span>
  );
}
