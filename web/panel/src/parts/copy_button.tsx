/** Copies a text, and says so. */
import { useSignal } from "@preact/signals";
import { Check, Copy } from "lucide-preact";
import { Button, IconButton } from "./button.tsx";
import { toast } from "./toasts.tsx";
import { partTexts } from "./texts.ts";

/** `<CopyButton text={key} />` is an icon; with `label` it is a button with words. */
export function CopyButton({ text, label, small }: { text: string; label?: string; small?: boolean }) {
  const t = partTexts();
  const copied = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      copied.value = true;
      setTimeout(() => copied.value = false, 2000);
    } catch {
      toast.bad(new Error(t.copyFailed));
    }
  };
  const icon = copied.value ? Check : Copy;
  return (
    <>
      {label !== undefined
        ? <Button icon={icon} small={small} onClick={copy}>{copied.value ? t.copied : label}</Button>
        : <IconButton icon={icon} small={small} label={copied.value ? t.copied : t.copy} onClick={copy} />}
      <span class="unseen" role="status">{copied.value ? t.copied : ""}</span>
    </>
  );
}
