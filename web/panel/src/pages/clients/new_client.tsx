/** Makes a client, and shows its key: once, because only its hash is kept. */
import { useSignal } from "@preact/signals";
import { TriangleAlert } from "lucide-preact";
import { Button } from "../../parts/button.tsx";
import { CopyButton } from "../../parts/copy_button.tsx";
import { confirm, Dialog } from "../../parts/dialog.tsx";
import { Form, useForm } from "../../parts/form.tsx";
import { Note } from "../../parts/states.tsx";
import { api, call } from "../../api.ts";
import { useResource } from "../../resource.ts";
import { ClientFields } from "./client_fields.tsx";
import { draftOf, exampleOf, lacksProvider, sentOf } from "./clients.ts";
import { texts } from "./texts.ts";

export function NewClientDialog({ onClose, onMade }: { onClose: () => void; onMade: () => void }) {
  const t = texts();
  const made = useSignal<{ name: string; key: string } | undefined>(undefined);
  const isCopied = useSignal(false);
  const form = useForm({
    initial: draftOf(),
    check: ({ name }) => ({ name: name.trim() ? undefined : t.nameNeeded }),
    save: async (draft) => {
      made.value = await call(api.clients.$post({ json: sentOf(draft) }));
      onMade();
    },
  });
  const leave = async () => {
    const isSure = !made.value || isCopied.value ||
      await confirm({ title: t.closeAsk, body: <p>{t.onceOnly}</p>, action: t.close });
    if (isSure) onClose();
  };
  if (made.value) {
    const { name, key } = made.value;
    return (
      <Dialog
        open
        size="wide"
        title={t.keyOf(name)}
        onClose={leave}
        footer={<Button kind="primary" onClick={leave}>{t.done}</Button>}
      >
        <div class="stack">
          <Note tone="warn" icon={TriangleAlert}>{t.onceOnly}</Note>
          <div class="clients-key" onCopy={() => isCopied.value = true}>
            <code tabIndex={0} aria-label={t.key}>{key}</code>
            <CopyButton text={key} label={t.copyKey} onCopied={() => isCopied.value = true} />
          </div>
          <Example of={key} />
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog open size="wide" title={t.make} onClose={onClose}>
      <Form form={form}>
        <ClientFields form={form} isNew />
        <div class="row end">
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button type="submit" kind="primary" busy={form.busy.value}>{t.make}</Button>
        </div>
      </Form>
    </Dialog>
  );
}

/** How a client calls, ready to be copied. It works before there is any provider's key: the Mock needs none. */
export function Example({ of: key }: { of: string }) {
  const t = texts();
  const needsMock = useResource(lacksProvider, { on: ["settings", "keys"] }).data.value;
  const example = exampleOf(key, needsMock ? "mock-painter" : undefined);
  return (
    <div class="stack tight">
      <div class="row apart">
        <h3>{t.example}</h3>
        <CopyButton small text={example} label={t.copyExample} />
      </div>
      <pre tabIndex={0}><code>{example}</code></pre>
    </div>
  );
}
