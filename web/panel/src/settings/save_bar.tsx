/** The form around settings: what was typed is saved from a bar below, which comes with the first change. */
import { CircleAlert } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { Button } from "../parts/button.tsx";
import { partTexts } from "../parts/texts.ts";
import { toast } from "../parts/toasts.tsx";
import type { Resource } from "../resource.ts";
import { contested, type Draft, type SettingsForm } from "./draft.ts";
import { nameOf } from "./names.ts";
import { settingTexts } from "./texts.ts";

/** `onRefused` is told the paths that are wrong, before the focus goes to the first of them. */
export function DraftForm({ draft, form, onRefused, children }: {
  draft: Draft;
  form: Resource<SettingsForm>;
  onRefused?: (paths: string[]) => void;
  children: ComponentChildren;
}) {
  const t = settingTexts();
  const part = partTexts();
  const element = useRef<HTMLFormElement>(null);
  const count = draft.changes.value.size;
  const conflicts = contested(draft, form.data.value?.fields ?? []);
  const error = draft.errors.value[""];
  const submit = async () => {
    if (count === 0) return;
    const saved = await draft.save(form);
    if (saved) return tellSaved(saved);
    onRefused?.(Object.keys(draft.errors.value).filter(Boolean));
    requestAnimationFrame(() =>
      element.current?.querySelector<HTMLElement>("[aria-invalid], .form-error")?.focus()
    );
  };
  return (
    <form
      ref={element}
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {children}
      {count > 0 && (
        <div class="form-bar">
          <div class="grow">
            {error && (
              <p class="form-error" role="alert" tabIndex={-1}>
                <CircleAlert size={16} aria-hidden="true" />
                {error}
              </p>
            )}
            <p role="status" class="soft">{t.changes(count)} {conflicts > 0 && t.conflicts(conflicts)}</p>
          </div>
          <Button onClick={() => draft.undo()} disabled={draft.busy.value}>{part.discard}</Button>
          <Button type="submit" kind="primary" busy={draft.busy.value}>{part.save}</Button>
        </div>
      )}
    </form>
  );
}

function tellSaved(saved: SettingsForm["fields"]): void {
  const t = settingTexts();
  const later = saved.filter(({ restart }) => restart).map((field) => nameOf(field).title);
  toast.good(later.length > 0 ? t.savedLater(saved.length, later.join(", ")) : t.saved(saved.length));
}
