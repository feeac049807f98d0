/** The form around settings: what was typed is saved from a bar below, which comes with the first change. */
import type { ComponentChildren } from "preact";
import { Button } from "../parts/button.tsx";
import { FormError, FormShell } from "../parts/form_shell.tsx";
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
  const count = draft.changes.value.size;
  const conflicts = contested(draft, form.data.value?.fields ?? []);
  const submit = async () => {
    if (count === 0) return true;
    const saved = await draft.save(form);
    if (saved) tellSaved(saved);
    else onRefused?.(Object.keys(draft.errors.value).filter(Boolean));
    return saved !== undefined;
  };
  return (
    <FormShell submit={submit}>
      {children}
      {count > 0 && (
        <div class="form-bar">
          <div class="grow">
            <FormError text={draft.errors.value[""]} />
            <p role="status" class="soft">{t.changes(count)} {conflicts > 0 && t.conflicts(conflicts)}</p>
          </div>
          <Button onClick={() => draft.undo()} disabled={draft.busy.value}>{part.discard}</Button>
          <Button type="submit" kind="primary" busy={draft.busy.value}>{part.save}</Button>
        </div>
      )}
    </FormShell>
  );
}

function tellSaved(saved: SettingsForm["fields"]): void {
  const t = settingTexts();
  const later = saved.filter(({ restart }) => restart).map((field) => nameOf(field).title);
  toast.good(later.length > 0 ? t.savedLater(saved.length, later.join(", ")) : t.saved(saved.length));
}
