/** Keys of any providers, pasted or dropped: each is shown with the pool that its shape tells before it is saved. */
import { useSignal } from "@preact/signals";
import { FileText } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "../../parts/button.tsx";
import type { Column } from "../../parts/columns.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { DropZone } from "../../parts/drop_zone.tsx";
import { TextareaField } from "../../parts/field.tsx";
import { Badge } from "../../parts/signs.tsx";
import { Note, Skeleton } from "../../parts/states.tsx";
import { toast } from "../../parts/toasts.tsx";
import { VirtualTable } from "../../parts/virtual.tsx";
import { api, call } from "../../api.ts";
import { messageOf, useResource } from "../../resource.ts";
import { texts } from "./texts.ts";

const PAUSE = 300;
/** Longer texts are not put into a field, which would be slow to draw. */
const LONG = 100_000;
const EXAMPLE = "sk-…\nGitee:…\nmy name,hf_…\nhttps://relay.example,sk-…";
/** More lines that nobody knows are only counted. */
const MOST = 100;

type Found = Awaited<ReturnType<typeof send>>;
type Assigned = Record<string, string>;

function send(json: { text: string; dryRun: boolean; assign: Assigned }, signal?: AbortSignal) {
  return call(api.keys.import.$post({ json }, { init: { signal } }));
}

async function readOwners(signal: AbortSignal): Promise<string[]> {
  const { data } = await call(api.providers.$get({}, { init: { signal } }));
  return data.filter(({ keyless }) => !keyless).map(({ name }) => name);
}

export function ImportDialog({ onClose, onAdded }: { onClose: () => void; onAdded: () => void }) {
  const t = texts();
  const typed = useSignal("");
  const file = useSignal<{ name: string; text: string } | undefined>(undefined);
  const assign = useSignal<Assigned>({});
  const found = useSignal<Found | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const owners = useResource(readOwners);
  const text = file.value?.text ?? typed.value;

  const last = useRef(text);
  useEffect(() => {
    // Lines of another text are other lines.
    if (last.current !== text) assign.value = {};
    last.current = text;
  }, [text]);
  useEffect(() => {
    problem.value = undefined;
    if (text.trim() === "") {
      found.value = undefined;
      return;
    }
    const left = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const report = await send({ text, dryRun: true, assign: assign.value }, left.signal);
        if (!left.signal.aborted) found.value = report;
      } catch (error) {
        if (!left.signal.aborted) problem.value = messageOf(error);
      }
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      left.abort();
    };
  }, [text, assign.value]);

  const take = async ([given]: File[]) => {
    const content = await given!.text();
    if (content.length > LONG) file.value = { name: given!.name, text: content };
    else typed.value = content;
  };
  const add = async () => {
    busy.value = true;
    try {
      const { added } = await send({ text, dryRun: false, assign: assign.value });
      toast.good(t.added(added.length));
      onAdded();
      onClose();
    } catch (error) {
      problem.value = messageOf(error);
    }
    busy.value = false;
  };
  const count = found.value?.added.length ?? 0;
  return (
    <Dialog
      open
      size="wide"
      title={t.add}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{t.cancel}</Button>
          <Button kind="primary" busy={busy.value} disabled={count === 0} onClick={add}>
            {count === 0 ? t.addNone : t.addSome(count)}
          </Button>
        </>
      }
    >
      <div class="stack">
        {file.value
          ? (
            <Note icon={FileText} tone="quiet">
              <div class="row">
                {file.value.name}
                <Button small onClick={() => file.value = undefined}>{t.otherText}</Button>
              </div>
            </Note>
          )
          : (
            <div class="keys-sources">
              <TextareaField
                label={t.paste}
                hint={t.pasteHint}
                rows={8}
                spellcheck={false}
                autofocus
                placeholder={EXAMPLE}
                value={typed.value}
                onValue={(value) => typed.value = value}
              />
              <DropZone
                label={t.file}
                icon={FileText}
                accept=".csv,.txt,.json,.env,text/*"
                paste
                onFiles={take}
              >
                {t.fileHint}
              </DropZone>
            </div>
          )}
        {problem.value && <Note tone="bad">{problem.value}</Note>}
        {found.value
          ? (
            <Report
              found={found.value}
              owners={owners.data.value ?? []}
              assigned={assign.value}
              onAssign={(lines, owner) => {
                const given = Object.fromEntries(lines.map((line) => [line, owner]));
                assign.value = Object.fromEntries(
                  Object.entries({ ...assign.value, ...given }).filter(([, name]) => name !== ""),
                );
              }}
            />
          )
          : text.trim() !== "" && !problem.value && <Skeleton lines={3} />}
      </div>
    </Dialog>
  );
}

interface Line {
  line: number;
  provider: string;
  name: string;
  preview: string;
  isNew: boolean;
  needsBaseUrl?: true;
  baseUrl?: string;
}

function Report({ found, owners, assigned, onAssign }: {
  found: Found;
  owners: readonly string[];
  assigned: Assigned;
  onAssign: (lines: number[], owner: string) => void;
}) {
  const t = texts();
  const { added, duplicates, unknown, counts } = found;
  const rows: Line[] = [
    ...added.map((key) => ({ ...key, isNew: true })),
    ...duplicates.map((key) => ({ ...key, isNew: false })),
  ];
  const columns: Column<Line>[] = [
    { id: "name", label: t.name, cell: ({ name }) => name, width: "minmax(9rem, 1fr)" },
    { id: "provider", label: t.provider, cell: ({ provider }) => provider, width: "10rem" },
    {
      id: "key",
      label: t.key,
      cell: ({ preview }) => <span class="mono">{preview}</span>,
      width: "8rem",
    },
    {
      id: "what",
      label: t.becomes,
      width: "minmax(9rem, 1.4fr)",
      cell: ({ isNew, needsBaseUrl, baseUrl }) =>
        !isNew
          ? <Badge>{t.isThere}</Badge>
          : needsBaseUrl
          ? <Badge tone="warn">{t.needsAddress}</Badge>
          : <span class="cut small">{baseUrl ?? <Badge tone="good">{t.isNew}</Badge>}</span>,
    },
  ];
  const assignedLines = Object.keys(assigned).map(Number);
  return (
    <>
      <div class="row" role="status">
        {Object.entries(counts).map(([provider, { added, duplicates }]) => (
          <Badge key={provider} tone={added > 0 ? "good" : "quiet"}>
            {provider}: {t.counted(added, duplicates)}
          </Badge>
        ))}
        {unknown.length > 0 && <Badge tone="warn">{t.unknownCount(unknown.length)}</Badge>}
        {assignedLines.length > 0 && (
          <Button small kind="quiet" onClick={() => onAssign(assignedLines, "")}>{t.unassign}</Button>
        )}
      </div>
      {unknown.length > 0 && (
        <section class="stack tight" aria-label={t.unknownTitle}>
          <div class="row apart">
            <h3>{t.unknownTitle}</h3>
            {unknown.length > 1 && (
              <OwnerSelect
                label={t.allTo}
                owners={owners}
                onOwner={(owner) => onAssign(unknown.map(({ line }) => line), owner)}
              />
            )}
          </div>
          <ul class="stack tight keys-unknown">
            {unknown.slice(0, MOST).map(({ line, preview, reason }) => (
              <li key={line} class="row">
                <span class="soft number small">{t.line(line)}</span>
                <span class="mono">{preview}</span>
                <span class="soft small grow">{t.reason(reason)}</span>
                <OwnerSelect
                  label={t.ownerOf(line)}
                  owners={owners}
                  onOwner={(owner) => onAssign([line], owner)}
                />
              </li>
            ))}
          </ul>
          {unknown.length > MOST && <p class="soft small">{t.andMore(unknown.length - MOST)}</p>}
        </section>
      )}
      {rows.length > 0 && (
        <div class="keys-preview">
          <VirtualTable
            label={t.found}
            height={rows.length > 6 ? 260 : 46 + rows.length * 38}
            rows={rows}
            columns={columns}
            rowKey={({ line, provider, preview, name }) => `${line} ${provider} ${preview} ${name}`}
          />
        </div>
      )}
    </>
  );
}

function OwnerSelect(
  { label, owners, onOwner }: { label: string; owners: readonly string[]; onOwner: (owner: string) => void },
) {
  const t = texts();
  return (
    <select
      class="input keys-owner"
      aria-label={label}
      value=""
      onChange={({ currentTarget }) => currentTarget.value && onOwner(currentTarget.value)}
    >
      <option value="">{label === t.allTo ? t.allTo : t.belongsTo}</option>
      {owners.map((name) => <option key={name} value={name}>{name}</option>)}
    </select>
  );
}
