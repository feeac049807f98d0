/** One request: what was wanted, who was asked, what came of it. */
import { FileQuestion, ScrollText, TriangleAlert } from "lucide-preact";
import type { InferResponseType } from "hono/client";
import { api, ApiError, call } from "../../api.ts";
import { formatNumber } from "../../format.ts";
import { lineKey } from "../../log.ts";
import { LinkButton } from "../../parts/button.tsx";
import { CopyButton } from "../../parts/copy_button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { LogRow } from "../../parts/log_row.tsx";
import { Outcome } from "../../parts/outcome.tsx";
import { Fact, Facts } from "../../parts/page.tsx";
import { Duration, Money, Time } from "../../parts/signs.tsx";
import { EmptyState, Loaded, Note } from "../../parts/states.tsx";
import { thumbnailOf } from "../../picture_links.ts";
import { useResource } from "../../resource.ts";
import { modelsOf, taskName } from "./list.tsx";
import { texts } from "./texts.ts";
import { Waterfall } from "./waterfall.tsx";

type Request = InferResponseType<(typeof api.requests)[":id"]["$get"], 200>;

/** Open while there is an id. */
export function RequestDialog({ id, onClose }: { id: string | undefined; onClose: () => void }) {
  const t = texts();
  return (
    <Dialog open={id !== undefined} title={t.request} size="wide" onClose={onClose}>
      {id !== undefined && <Found id={id} />}
    </Dialog>
  );
}

function Found({ id }: { id: string }) {
  const t = texts();
  const found = useResource(
    (signal) => call(api.requests[":id"].$get({ param: { id } }, { init: { signal } })),
    // It may still be running, or its pictures on their way to the gallery.
    { by: [id], on: ["stats", "pictures"], gather: 1500 },
  );
  const { value: error } = found.error;
  return (
    <div class="stack">
      {error instanceof ApiError && error.status === 404
        ? <EmptyState icon={FileQuestion} title={t.unknownTitle}>{t.unknownHint}</EmptyState>
        : <Loaded from={found} lines={8}>{(request) => <Story {...request} />}</Loaded>}
      <Lines id={id} />
    </div>
  );
}

function Story(request: Request) {
  const t = texts();
  const { error, prompt, pictures, attempts = [], notes } = request;
  return (
    <>
      {error && <Note tone={request.status < 500 ? "warn" : "bad"} icon={TriangleAlert}>{error}</Note>}
      <div class="requests-top">
        <section class="stack tight">
          <h3>{t.words.prompt}</h3>
          <p class="requests-words" tabIndex={0}>{prompt || <span class="soft">{t.noPrompt}</span>}</p>
        </section>
        <Told {...request} />
      </div>
      {pictures.length > 0 && (
        <section class="stack tight">
          <h3>{t.pictures}</h3>
          <ul class="requests-pictures">
            {pictures.map(({ name, width, height }, index) => (
              <li key={name}>
                <a href={`/pic?show=${encodeURIComponent(name)}`}>
                  <img
                    src={thumbnailOf(name, 320)}
                    alt={t.picture(index + 1, pictures.length)}
                    loading="lazy"
                    style={{ aspectRatio: `${width} / ${height}` }}
                  />
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section class="stack tight">
        <h3>{t.way}</h3>
        {attempts.length > 0
          ? (
            <Waterfall
              attempts={attempts}
              durationMs={request.durationMs}
              isRelay={request.client === "relay"}
            />
          )
          : <p class="soft">{t.noCalls}</p>}
      </section>
      {notes.length > 0 && (
        <section class="stack tight">
          <h3>{t.notes}</h3>
          <ul class="requests-notes">{notes.map((note) => <li key={note}>{note}</li>)}</ul>
        </section>
      )}
    </>
  );
}

function Told(request: Request) {
  const t = texts();
  const { id, outcome, status, time, task, client, images, durationMs, costUsd } = request;
  return (
    <Facts>
      <Fact name={t.words.outcome}>
        <span class="row">
          <Outcome of={outcome} /> <span class="soft small">{t.withStatus(status)}</span>
        </span>
      </Fact>
      <Fact name={t.words.time}>
        <Time at={time} exact />
      </Fact>
      <Fact name={t.words.model}>
        {modelsOf(request)} <span class="soft small">{taskName(task)}</span>
      </Fact>
      <Fact name={t.words.client}>{client === "relay" ? t.relay : client}</Fact>
      <Fact name={t.words.images}>{formatNumber(images)}</Fact>
      <Fact name={t.words.took}>
        <Duration ms={durationMs} />
      </Fact>
      <Fact name={t.words.cost}>
        <Money usd={costUsd} />
      </Fact>
      <Fact name={t.words.id}>
        <span class="requests-id">
          <code>{id}</code>
          <CopyButton small text={id} />
        </span>
      </Fact>
    </Facts>
  );
}

/** What the log still has of it. */
function Lines({ id }: { id: string }) {
  const t = texts();
  const lines = useResource(
    (signal) => call(api.logs.$get({ query: { requestId: id, limit: "200" } }, { init: { signal } })),
    { by: [id] },
  );
  const found = lines.data.value?.data.toReversed();
  return (
    <section class="stack tight">
      <div class="row apart">
        <h3>{t.log}</h3>
        {found && found.length > 0 && (
          <LinkButton small icon={ScrollText} href={`/logs?request=${encodeURIComponent(id)}`}>
            {t.toLog}
          </LinkButton>
        )}
      </div>
      <Loaded from={lines} lines={2}>
        {() =>
          found?.length
            ? (
              <div class="log-box requests-log">
                {found.map((line) => <LogRow key={lineKey(line)} line={line} hidesRequest />)}
              </div>
            )
            : <p class="soft">{t.noLog}</p>}
      </Loaded>
    </section>
  );
}
