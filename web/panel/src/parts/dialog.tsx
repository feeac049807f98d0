/** Dialogs, by the browser's own <dialog>: it keeps the focus inside, closes by Escape, and gives the focus back. */
import { signal } from "@preact/signals";
import { X } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button, IconButton } from "./button.tsx";
import { partTexts } from "./texts.ts";

export interface DialogProps {
  open: boolean;
  title: string;
  onClose: () => void;
  /** The buttons. */
  footer?: ComponentChildren;
  /** `drawer` comes from below. */
  size?: "normal" | "wide" | "drawer";
  children: ComponentChildren;
}

/** `<Dialog open={open.value} title={t.add} onClose={() => open.value = false} footer={…}>…</Dialog>` */
export function Dialog({ open, title, onClose, footer, size = "normal", children }: DialogProps) {
  const t = partTexts();
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    if (!open || !element) return;
    element.showModal();
    return () => element.close();
  }, [open]);
  if (!open) return null;
  return (
    <dialog
      ref={dialog}
      class={`dialog ${size}`}
      aria-labelledby={id}
      onCancel={(event) => {
        if (event.target !== event.currentTarget) return;
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => event.target === event.currentTarget && onClose()}
    >
      <header>
        <h2 id={id}>{title}</h2>
        <IconButton icon={X} label={t.close} onClick={onClose} />
      </header>
      <div class="body">{children}</div>
      {footer && <footer>{footer}</footer>}
    </dialog>
  );
}

/** A question before something that can't be undone. */
export interface Question {
  title: string;
  body?: ComponentChildren;
  /** What the button says: the verb, not "OK". */
  action: string;
  danger?: boolean;
}

const asked = signal<Question & { answer: (yes: boolean) => void }>();

/** `if (await confirm({ title: t.deleteAsk(3), action: t.delete, danger: true })) …` */
export function confirm(question: Question): Promise<boolean> {
  asked.value?.answer(false);
  return new Promise((resolve) => {
    asked.value = {
      ...question,
      answer: (yes) => {
        asked.value = undefined;
        resolve(yes);
      },
    };
  });
}

/** Shows what `confirm` asks; the shell has it. */
export function ConfirmDialog() {
  const t = partTexts();
  const question = asked.value;
  if (!question) return null;
  const { title, body, action, danger, answer } = question;
  return (
    <Dialog
      open
      title={title}
      onClose={() => answer(false)}
      footer={
        <>
          <Button onClick={() => answer(false)} autofocus>{t.cancel}</Button>
          <Button kind={danger ? "danger filled" : "primary"} onClick={() => answer(true)}>{action}</Button>
        </>
      }
    >
      {body ?? null}
    </Dialog>
  );
}
