/** One request's pictures, while they come and when they are there, and what they took. */
import { useSignal } from "@preact/signals";
import { CircleAlert, Download, ImagePlus, Images, X } from "lucide-preact";
import { useEffect } from "preact/hooks";
import { formatDuration, formatMoney } from "../../format.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { CopyButton } from "../../parts/copy_button.tsx";
import { Card, Fact, Facts } from "../../parts/page.tsx";
import { Money, Status } from "../../parts/signs.tsx";
import { Note } from "../../parts/states.tsx";
import { downloadOf, nameIn } from "../../picture_links.ts";
import { messageOf } from "../../resource.ts";
import { draft } from "./draft.ts";
import { addInputs, storedInput } from "./inputs.tsx";
import type { Made, Run, Started } from "./runs.ts";
import { texts } from "./texts.ts";

const TICK = 100;

export function Result({ started: { run, cancel } }: { started: Started }) {
  const t = texts();
  const { model, state, pictures, preview, progress, error, facts } = run.value;
  const isRunning = state === "running";
  return (
    <Card
      title={model === "auto" ? facts?.usedModel ?? t.auto : model}
      actions={isRunning && <Button small icon={X} onClick={cancel}>{t.cancel}</Button>}
    >
      <div class="stack">
        <p class="unseen" role="status">
          {isRunning ? t.running : state === "done" ? t.ready(pictures.length) : ""}
        </p>
        {isRunning && (
          <div class="playground-working">
            <progress aria-label={t.running} value={progress} />
            <Elapsed run={run.value} />
          </div>
        )}
        {pictures.length > 0
          ? (
            <div class={pictures.length > 1 ? "playground-pictures many" : "playground-pictures"}>
              {pictures.map((made, index) => <Picture key={index} made={made} run={run.value} />)}
            </div>
          )
          : isRunning && <Waiting preview={preview} />}
        {state === "cancelled" && <Note icon={X}>{t.cancelled}</Note>}
        {state === "failed" && (
          <div role="alert">
            <Note tone="bad" icon={CircleAlert}>
              <b>{t.failed}</b>
              <p>{messageOf(error)}</p>
            </Note>
          </div>
        )}
        {!isRunning && <Outcome run={run.value} />}
      </div>
    </Card>
  );
}

function Elapsed({ run: { startedAt } }: { run: Run }) {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => now.value = Date.now(), TICK);
    return () => clearInterval(timer);
  }, []);
  return <span class="number small">{((now.value - startedAt) / 1000).toFixed(1)} s</span>;
}

/** A box of the shape that was asked for, so that nothing jumps when the picture comes. */
function Waiting({ preview }: { preview?: string }) {
  const t = texts();
  const [, width = 1, height = 1] = /^(\d+)\D(\d+)$/.exec(draft.peek().size)?.map(Number) ?? [];
  return (
    <div class="playground-waiting" style={{ "--ratio": width / height }}>
      {preview && <img src={preview} alt={t.previewOf} />}
    </div>
  );
}

function Picture({ made: { src, url, revisedPrompt }, run: { prompt, facts } }: { made: Made; run: Run }) {
  const t = texts();
  const name = url === undefined ? undefined : nameIn(url);
  const stored = facts?.pictures.find((picture) => picture.name === name);
  return (
    <figure class="playground-picture">
      <img src={src} alt={prompt} />
      <figcaption class="stack tight">
        <div class="row">
          <LinkButton
            small
            href={name === undefined ? src : downloadOf(name)}
            download={name === undefined ? "picture" : true}
            icon={Download}
          >
            {t.download}
          </LinkButton>
          <Button
            small
            icon={ImagePlus}
            onClick={() => addInputs([name === undefined ? { src } : storedInput(name)])}
          >
            {t.useAsInput}
          </Button>
          {url !== undefined && <CopyButton small text={url} label={t.copyLink} />}
          {stored && (
            <LinkButton small href={`/pic?show=${encodeURIComponent(stored.name)}`} icon={Images}>
              {t.openInGallery}
            </LinkButton>
          )}
          {stored?.seed !== undefined && <span class="soft small number">{t.seed} {stored.seed}</span>}
        </div>
        {revisedPrompt && (
          <details class="small">
            <summary>{t.revised}</summary>
            <p>{revisedPrompt}</p>
          </details>
        )}
      </figcaption>
    </figure>
  );
}

/** What it took, as the history has it. */
function Outcome({ run: { startedAt, endedAt = startedAt, facts, state } }: { run: Run }) {
  const t = texts();
  if (!facts) return null;
  const { id, provider, usedModel, costUsd, notes, attempts = [] } = facts;
  const failed = attempts.filter(({ outcome }) => outcome !== "ok");
  return (
    <>
      <Facts>
        {state === "done" && provider && <Fact name={t.made}>{provider}, {usedModel}</Fact>}
        <Fact name={t.elapsed}>
          <span class="number">{formatDuration(endedAt - startedAt)}</span>
        </Fact>
        {state === "done" && (
          <Fact name={t.cost}>
            {costUsd === undefined ? <Money usd={undefined} /> : formatMoney(costUsd)}
          </Fact>
        )}
        <Fact name={t.request}>
          <a href={`/requests?id=${encodeURIComponent(id)}`}>{t.attempts(attempts.length)}</a>
        </Fact>
      </Facts>
      {notes.length > 0 && (
        <div class="stack tight">
          <h3>{t.notes}</h3>
          <ul class="playground-notes small">{notes.map((note) => <li key={note}>{note}</li>)}</ul>
        </div>
      )}
      {failed.length > 0 && (
        <div class="stack tight">
          <h3>{t.failedAttempts}</h3>
          <ul class="playground-notes small">
            {failed.map(({ provider, model, outcome, message }, index) => (
              <li key={index}>
                <Status tone="warn">{provider}, {model}: {message ?? outcome}</Status>
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  );
}
