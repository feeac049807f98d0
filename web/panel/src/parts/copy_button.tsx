/** Copies a text, and says so. */
import { useSignal } from "@preact/signals";
import { Check, Copy } from "lucide-preact";
import { Button, IconButton } from "./button.tsx";
import { toast } from "./toasts.tsx";
import { partTexts } from "./texts.ts";

/** `<CopyButton text={key} />` is an icon; with `label` it is a button with words. */
export function CopyButton({ text, label, small, disabled, onCopied }: {
  /** A function where the text is large and is only made when somebody wants it. */
  text: string | (() => string);
  label?: string;
  small?: boolean;
  disabled?: boolean;
  onCopied?: () => void;
}) {
  const t = partTexts();
  const copied = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
      copied.value = true;
      onCopied?.();
      setTimeout(() => copied.value = false, 2000);
    } catch {
      toast.bad(new Error(t.copyFailed));
    }
  };
  const icon = copied.value ? Check : Copy;
  return (
    <>
      {label !== undefined
        ? (
          <Button icon={icon} small={small} disabled={disabled} onClick={copy}>
            {copied.value ? t.copied : label}
          </Button>
        )
        : <IconButton icon={icon} small={small} label={copied.value ? t.copied : t.copy} onClick={copy} />}
      <span class="unseen" role="status">{copied.value ? t.copied : ""}</span>
    </>
  );
}
