/** Settings out to a file, and back from one: ours or img-router's. */
import { useSignal } from "@preact/signals";
import { Download, FileCheck, KeyRound } from "lucide-preact";
import { api, call } from "../../api.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { DropZone } from "../../parts/drop_zone.tsx";
import { TextareaField, TextField } from "../../parts/field.tsx";
import { Form, useForm } from "../../parts/form.tsx";
import { Card } from "../../parts/page.tsx";
import { Note } from "../../parts/states.tsx";
import { toast } from "../../parts/toasts.tsx";
import { messageOf } from "../../resource.ts";
import { texts } from "./texts.ts";

const FILE = "runtime-config.json";

/** The tab of import and export. */
export function TransferTab() {
  const t = texts();
  const asks = useSignal(false);
  return (
    <div class="grid settings-transfer">
      <Card title={t.export}>
        <div class="stack">
          <p class="soft">{t.exportHint}</p>
          <div class="row">
            <LinkButton icon={Download} href="/api/settings/export" download={FILE}>{t.without}</LinkButton>
            <Button icon={KeyRound} onClick={() => asks.value = true}>{t.withSecrets}</Button>
          </div>
        </div>
      </Card>
      <Card title={t.import}>
        <ImportForm />
      </Card>
      <Dialog open={asks.value} title={t.withSecrets} onClose={() => asks.value = false}>
        <SecretExport onDone={() => asks.value = false} />
      </Dialog>
    </div>
  );
}

function SecretExport({ onDone }: { onDone: () => void }) {
  const t = texts();
  const form = useForm({
    initial: { password: "" },
    check: ({ password }) => ({ password: password === "" ? t.passwordNeeded : undefined }),
    save: async (json) => save(await call(api.settings.export.$post({ json }))),
  });
  return (
    <Form form={form} onSaved={onDone}>
      <p class="soft">{t.secretsHint}</p>
      <TextField
        label={t.password}
        type="password"
        autocomplete="current-password"
        autofocus
        {...form.field("password")}
      />
      <div class="row end">
        <Button type="submit" kind="primary" icon={Download} busy={form.busy.value}>{t.download}</Button>
      </div>
    </Form>
  );
}

function save(members: unknown): void {
  const url = URL.createObjectURL(new Blob([`${JSON.stringify(members, null, 2)}\n`]));
  const link = Object.assign(document.createElement("a"), { href: url, download: FILE });
  link.click();
  URL.revokeObjectURL(url);
}

type Report = Awaited<ReturnType<typeof send>>;

/** @param dryRun only tells what would change */
function send(settings: Record<string, unknown>, dryRun: boolean) {
  return call(api.settings.import.$post({ json: { settings, dryRun }, header: {} }));
}

function ImportForm() {
  const t = texts();
  const text = useSignal("");
  const error = useSignal<string>();
  const busy = useSignal(false);
  const report = useSignal<Report>();
  const run = async (dryRun: boolean) => {
    const settings = read(text.value);
    error.value = settings ? undefined : t.noJson;
    if (!settings) return;
    busy.value = true;
    try {
      const told = await send(settings, dryRun);
      report.value = dryRun ? told : undefined;
      if (dryRun) return;
      text.value = "";
      toast.good(t.imported(told.changed.length));
    } catch (failure) {
      report.value = undefined;
      error.value = messageOf(failure);
    } finally {
      busy.value = false;
    }
  };
  const take = (given: string) => {
    text.value = given;
    report.value = undefined;
    error.value = undefined;
  };
  const found = report.value;
  return (
    <div class="stack">
      <p class="soft">{t.importHint}</p>
      <DropZone
        label={t.importFile}
        accept="application/json,.json"
        onFiles={async ([file]) => file && take(await file.text())}
      />
      <TextareaField
        label={t.importText}
        rows={6}
        spellcheck={false}
        value={text.value}
        onValue={take}
        error={error.value}
      />
      {found && (
        <Note tone={found.changed.length > 0 ? "info" : "quiet"}>
          <p>{t.wouldChange(found.changed.length)}</p>
          <Paths paths={found.changed} />
          {found.skipped.length > 0 && (
            <>
              <p>{t.wouldSkip(found.skipped.length)}</p>
              <Paths paths={found.skipped.map(({ path, variable }) => `${path} (${variable})`)} />
            </>
          )}
        </Note>
      )}
      <div class="row">
        <Button
          icon={FileCheck}
          busy={busy.value}
          disabled={text.value.trim() === ""}
          kind={found ? "plain" : "primary"}
          onClick={() => run(true)}
        >
          {t.look}
        </Button>
        {found && found.changed.length > 0 && (
          <Button
            kind="primary"
            busy={busy.value}
            onClick={() => run(false)}
          >
            {t.takeOver}
          </Button>
        )}
      </div>
    </div>
  );
}

function Paths({ paths }: { paths: readonly string[] }) {
  return (
    <ul class="settings-paths">
      {paths.map((path) => (
        <li key={path}>
          <code>{path}</code>
        </li>
      ))}
    </ul>
  );
}

function read(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : undefined;
  } catch {
    return undefined;
  }
}
