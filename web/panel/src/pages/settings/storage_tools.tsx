/** How full the storage is, and whether the bucket works with what was typed. */
import { useSignal } from "@preact/signals";
import { CircleAlert, CircleCheck, HardDriveUpload, TriangleAlert } from "lucide-preact";
import { api, call } from "../../api.ts";
import { formatBytes, formatDuration, formatNumber, formatTime } from "../../format.ts";
import { Button } from "../../parts/button.tsx";
import { Note } from "../../parts/states.tsx";
import { messageOf, useResource } from "../../resource.ts";
import type { Draft, SettingField } from "../../settings/draft.ts";
import { texts } from "./texts.ts";

const BUCKET = "storage.s3.";

/** What is stored, what waits, and what went wrong. */
export function StorageUse() {
  const t = texts();
  const overview = useResource((signal) => call(api.overview.$get({}, { init: { signal } })), {
    on: ["pictures", "settings"],
  });
  const storage = overview.data.value?.storage;
  if (!storage) return null;
  const { pictures, bytes, pendingUploads, uploadError, failures } = storage;
  return (
    <>
      <p class="soft">
        {t.use(formatNumber(pictures), formatBytes(bytes))}{" "}
        {pendingUploads > 0 && t.waiting(formatNumber(pendingUploads))}
      </p>
      {(uploadError || failures.length > 0) && (
        <Note tone="warn" icon={TriangleAlert}>
          {uploadError && <p>{uploadError}</p>}
          {failures.map(({ time, what, reason }) => (
            <p key={`${time} ${what}`}>{formatTime(time)} · {what}: {reason}</p>
          ))}
        </Note>
      )}
    </>
  );
}

/** Writes, reads and removes an object with what was typed, and what is stored where nothing was. */
export function BucketTest({ fields, draft }: { fields: readonly SettingField[]; draft: Draft }) {
  const t = texts();
  const busy = useSignal(false);
  const outcome = useSignal<{ ok: boolean; text: string }>();
  const test = async () => {
    busy.value = true;
    outcome.value = undefined;
    try {
      const { ok, ms = 0, note, reason } = await call(
        api.tools["test-storage"].$post({ json: typed(fields, draft) }),
      );
      outcome.value = ok
        ? { ok, text: [t.bucketWorks(formatDuration(ms)), note].filter(Boolean).join(" ") }
        : { ok, text: reason ?? t.bucketFails };
    } catch (error) {
      outcome.value = { ok: false, text: messageOf(error) };
    } finally {
      busy.value = false;
    }
  };
  return (
    <div class="stack tight">
      <div class="row">
        <Button icon={HardDriveUpload} busy={busy.value} onClick={test}>{t.testBucket}</Button>
        <span class="soft small">{t.testBucketHint}</span>
      </div>
      <div role="status">
        {outcome.value && (
          <Note
            tone={outcome.value.ok ? "good" : "bad"}
            icon={outcome.value.ok ? CircleCheck : CircleAlert}
          >
            {outcome.value.text}
          </Note>
        )}
      </div>
    </div>
  );
}

function typed(fields: readonly SettingField[], draft: Draft): Record<string, unknown> {
  return Object.fromEntries(
    fields.flatMap(({ path }) => {
      const value = path.startsWith(BUCKET) ? draft.changes.value.get(path)?.value : undefined;
      return value === undefined || value === null ? [] : [[path.slice(BUCKET.length), value]];
    }),
  );
}
