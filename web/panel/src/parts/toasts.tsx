/** Short messages that go away by themselves. Errors stay until they are closed. */
import { signal } from "@preact/signals";
import { CircleAlert, CircleCheck, Info, X } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { messageOf } from "../resource.ts";
import { IconButton } from "./button.tsx";
import { partTexts } from "./texts.ts";

interface Toast {
  id: number;
  tone: "good" | "bad" | "info";
  text: string;
}

const ICONS = { good: CircleCheck, bad: CircleAlert, info: Info };
const SHOWN_FOR = 5000;
const AT_MOST = 4;
const toasts = signal<readonly Toast[]>([]);
let count = 0;

function close(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

function show(tone: Toast["tone"], text: string): void {
  const id = ++count;
  toasts.value = [...toasts.value.filter((toast) => toast.text !== text), { id, tone, text }].slice(-AT_MOST);
  if (tone !== "bad") setTimeout(close, SHOWN_FOR, id);
}

/** `toast.good(t.saved)`, `toast.bad(error)`. */
export const toast = {
  good: (text: string) => show("good", text),
  info: (text: string) => show("info", text),
  bad: (error: unknown) => show("bad", messageOf(error)),
};

/** Does something and tells how it ended: `await tell(() => call(…), t.saved)`. Gives whether it went well. */
export async function tell(work: () => Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await work();
    if (done !== undefined) toast.good(done);
    return true;
  } catch (error) {
    toast.bad(error);
    return false;
  }
}

/** Shows them; the shell has it. */
export function Toasts() {
  const t = partTexts();
  const box = useRef<HTMLDivElement>(null);
  const shown = toasts.value;
  // In the top layer, and moved to its end: above a dialog that opened meanwhile.
  useEffect(() => {
    box.current?.hidePopover();
    if (shown.length > 0) box.current?.showPopover();
  }, [shown]);
  return (
    <div ref={box} class="toasts" popover="manual" role="status" aria-live="polite">
      {shown.map(({ id, tone, text }) => {
        const Icon = ICONS[tone];
        return (
          <div key={id} class={`toast ${tone}`}>
            <Icon size={18} aria-hidden="true" />
            <p>{text}</p>
            <IconButton icon={X} label={t.close} small onClick={() => close(id)} />
          </div>
        );
      })}
    </div>
  );
}
