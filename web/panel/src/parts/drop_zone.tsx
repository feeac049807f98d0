/** Takes files that are dropped, pasted or chosen. */
import { useSignal } from "@preact/signals";
import { ImagePlus, type LucideIcon } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "./button.tsx";
import { toast } from "./toasts.tsx";
import { partTexts } from "./texts.ts";

/** `<DropZone label={t.inputs} accept="image/*" multiple onFiles={add} />`; `paste` takes a paste anywhere in the page. */
export function DropZone(
  { label, accept = "", multiple, paste, icon: Icon = ImagePlus, onFiles, children }: {
    label: string;
    /** As of `<input type="file">`: `image/*`, `text/csv,.txt`. */
    accept?: string;
    multiple?: boolean;
    paste?: boolean;
    icon?: LucideIcon;
    onFiles: (files: File[]) => void;
    /** A hint below. */
    children?: ComponentChildren;
  },
) {
  const t = partTexts();
  const isOver = useSignal(false);
  const input = useRef<HTMLInputElement>(null);
  const take = (files: Iterable<File>) => {
    const given = [...files];
    const fitting = given.filter((file) => fits(file, accept));
    const other = given.find((file) => !fitting.includes(file));
    if (other) toast.bad(new Error(t.wrongType(other.name)));
    if (fitting.length > 0) onFiles(multiple ? fitting : fitting.slice(0, 1));
  };
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    if (!paste) return;
    const onPaste = (event: ClipboardEvent) => {
      const { files } = event.clipboardData ?? {};
      if (!files?.length) return;
      event.preventDefault();
      latest.current(files);
    };
    addEventListener("paste", onPaste);
    return () => removeEventListener("paste", onPaste);
  }, [paste]);
  return (
    <div
      class={`drop${isOver.value ? " over" : ""}`}
      role="group"
      aria-label={label}
      onDragOver={(event) => {
        event.preventDefault();
        isOver.value = true;
      }}
      onDragLeave={() => isOver.value = false}
      onDrop={(event) => {
        event.preventDefault();
        isOver.value = false;
        take(event.dataTransfer?.files ?? []);
      }}
    >
      <Icon size={26} strokeWidth={1.5} aria-hidden="true" />
      <div class="row">
        {t.drop}
        <Button small onClick={() => input.current?.click()}>{t.choose}</Button>
      </div>
      {children && <p class="hint soft small">{children}</p>}
      <input
        ref={input}
        type="file"
        hidden
        accept={accept}
        multiple={multiple}
        aria-label={label}
        onChange={({ currentTarget }) => {
          take(currentTarget.files ?? []);
          currentTarget.value = "";
        }}
      />
    </div>
  );
}

function fits({ name, type }: File, accept: string): boolean {
  const kinds = accept.split(",").map((kind) => kind.trim()).filter(Boolean);
  return kinds.length === 0 ||
    kinds.some((kind) =>
      kind.startsWith(".")
        ? name.toLowerCase().endsWith(kind.toLowerCase())
        : kind.endsWith("/*")
        ? type.startsWith(kind.slice(0, -1))
        : type === kind
    );
}
