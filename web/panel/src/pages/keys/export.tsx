/** Keys as a file: masked, unless the password is given once more. */
import { Download } from "lucide-preact";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { SelectField, SwitchField, TextField } from "../../parts/field.tsx";
import { Form, useForm } from "../../parts/form.tsx";
import { Note } from "../../parts/states.tsx";
import { toast } from "../../parts/toasts.tsx";
import { act, download } from "./keys.ts";
import { texts } from "./texts.ts";

/** @param idsOf the keys that are meant; `undefined` = all */
export function ExportDialog({ what, idsOf, onClose }: {
  what: string;
  idsOf: () => Promise<string[] | undefined>;
  onClose: () => void;
}) {
  const t = texts();
  const form = useForm({
    initial: { format: "csv" as "csv" | "text", open: false, password: "" },
    check: ({ open, password }) => ({ password: open && !password ? t.passwordNeeded : undefined }),
    save: async ({ format, open, password }) => {
      const ids = await idsOf();
      if (ids?.length === 0) throw new Error(t.nothingToExport);
      const reply = await act({ action: "export", ids, format, ...open && { password } });
      download(reply.filename!, reply.content!);
      toast.good(t.exported);
    },
  });
  const { open } = form.values.value;
  return (
    <Dialog open title={t.export} onClose={onClose}>
      <Form form={form} onSaved={onClose}>
        <p>{what}</p>
        <SelectField
          label={t.format}
          options={[{ value: "csv", label: t.csv }, { value: "text", label: t.text }]}
          {...form.field("format")}
        />
        <SwitchField label={t.wholeKeys} hint={t.wholeKeysHint} {...form.field("open")} />
        {open && (
          <>
            <Note tone="warn">{t.wholeKeysWarning}</Note>
            <TextField
              label={t.password}
              type="password"
              autocomplete="current-password"
              required
              {...form.field("password")}
            />
          </>
        )}
        <div class="row end">
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button type="submit" kind="primary" icon={Download} busy={form.busy.value}>{t.export}</Button>
        </div>
      </Form>
    </Dialog>
  );
}
