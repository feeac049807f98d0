/** What keeps the gallery in order: how its storage fares, repair, and taking over other folders. */
import { useSignal } from "@preact/signals";
import { Ellipsis, FolderInput, TriangleAlert, Wrench } from "lucide-preact";
import { useRef } from "preact/hooks";
import { api, call } from "../../api.ts";
import { formatBytes, formatNumber } from "../../format.ts";
import { Button } from "../../parts/button.tsx";
import { confirm, Dialog } from "../../parts/dialog.tsx";
import { TextField } from "../../parts/field.tsx";
import { Form, useForm } from "../../parts/form.tsx";
import { Menu } from "../../parts/menu.tsx";
import { Badge, Time } from "../../parts/signs.tsx";
import { Note } from "../../parts/states.tsx";
import { tell } from "../../parts/toasts.tsx";
import { useResource } from "../../resource.ts";
import { texts } from "./texts.ts";

/** Adding up a large gallery takes the gateway a while, so this is not asked at every picture. */
const TOTALS_EVERY = 30_000;

/** How much there is and where, and what went wrong with it. */
export function StorageLine() {
  const t = texts();
  const overview = useResource((signal) => call(api.overview.$get({}, { init: { signal } })), {
    on: ["jobs", "settings"],
    every: TOTALS_EVERY,
  });
  const storage = overview.data.value?.storage;
  if (!storage) return null;
  const { target, pictures, bytes, pendingUploads, uploadError, failures } = storage;
  const [failure] = failures;
  return (
    <span class="gallery-line">
      <span>{t.totals(formatNumber(pictures), formatBytes(bytes))}</span>
      {target === "off"
        ? (
          <span>
            <Badge tone="warn">{t.targets.off}</Badge> <a href="/setting">{t.toSettings}</a>
          </span>
        )
        : <span>{t.targets[target]}</span>}
      {pendingUploads > 0 && (
        <Badge tone={uploadError ? "bad" : "info"}>{t.uploads(formatNumber(pendingUploads))}</Badge>
      )}
      {uploadError && <span>{t.uploadsFail} {uploadError}</span>}
      {failure && (
        <span>
          <Badge tone="bad" icon={TriangleAlert}>{t.failures(failures.length)}</Badge>{" "}
          <Time at={failure.time} />: {failure.reason}
        </span>
      )}
    </span>
  );
}

/** What can be started. */
export function UpkeepMenu() {
  const t = texts();
  const isImporting = useSignal(false);
  const start = (thorough: boolean) => tell(() => call(api.gallery.repair.$post({ json: { thorough } })));
  const startThorough = async () => {
    if (await confirm({ title: t.repairAsk, body: t.repairBody, action: t.repairThorough })) {
      await start(true);
    }
  };
  return (
    <>
      <Menu
        icon={Ellipsis}
        label={t.menu}
        items={[
          { label: t.repair, icon: Wrench, onChoose: () => void start(false) },
          { label: t.repairThorough, icon: Wrench, onChoose: startThorough },
          { label: t.import, icon: FolderInput, onChoose: () => isImporting.value = true },
        ]}
      />
      {isImporting.value && <ImportDialog onClose={() => isImporting.value = false} />}
    </>
  );
}

/** How what was started gets on, and how it ended as long as the page is open. */
export function Works() {
  const t = texts();
  const openedAt = useRef(Date.now());
  const repair = useResource((signal) => call(api.gallery.repair.$get({}, { init: { signal } })), {
    on: ["jobs"],
  });
  const importing = useResource((signal) => call(api.gallery.import.$get({}, { init: { signal } })), {
    on: ["jobs"],
  });
  const works = [
    { ...repair.data.value, running: t.repairing, done: t.repaired },
    { ...importing.data.value, running: t.importing, done: t.imported },
  ].filter(({ state, endedAt }) =>
    state === "running" || endedAt !== undefined && Date.parse(endedAt) > openedAt.current
  );
  return (
    <div class="gallery-works" role="status">
      {works.map(({ state, running, done, counts = {}, error }) => (
        <Note
          key={running}
          tone={state === "failed" ? "bad" : state === "done" ? "good" : "info"}
          icon={state === "failed" ? TriangleAlert : Wrench}
        >
          <div class="gallery-line">
            <b>{state === "running" ? running : state === "done" ? done : t.workFailed}</b>
            {error && <span>{error}</span>}
            {Object.entries(counts).map(([name, count]) => (
              <span key={name}>
                {(t.counts as Record<string, string>)[name] ?? name}: {formatNumber(count)}
              </span>
            ))}
          </div>
        </Note>
      ))}
    </div>
  );
}

function ImportDialog({ onClose }: { onClose: () => void }) {
  const t = texts();
  const form = useForm({
    initial: { folder: "" },
    save: ({ folder }) => call(api.gallery.import.$post({ json: { folder } })),
  });
  return (
    <Dialog open title={t.import} onClose={onClose}>
      <Form form={form} onSaved={onClose}>
        <div class="stack">
          <p class="soft">{t.importBody}</p>
          <TextField
            label={t.folder}
            hint={t.folderHint}
            required
            placeholder="old-gateway/storage"
            {...form.field("folder")}
          />
          <div class="row end">
            <Button type="submit" kind="primary" busy={form.busy.value}>{t.start}</Button>
          </div>
        </div>
      </Form>
    </Dialog>
  );
}
