/** Which version runs, and whether there is a newer one. The example for other pages, too. */
import { CircleCheck, CircleFadingArrowUp, ExternalLink, RefreshCw } from "lucide-preact";
import { useRef } from "preact/hooks";
import { Button, LinkButton } from "../../parts/button.tsx";
import { CopyButton } from "../../parts/copy_button.tsx";
import { Card, Fact, Facts, PageHeader } from "../../parts/page.tsx";
import { Badge, Time } from "../../parts/signs.tsx";
import { Loaded, Note } from "../../parts/states.tsx";
import { api, call } from "../../api.ts";
import { useResource } from "../../resource.ts";
import { texts } from "./texts.ts";
import "./page.css";

const WAYS = [
  ["withDocker", "docker compose pull && docker compose up -d"],
  ["fromSource", "git pull && deno task start"],
] as const;

export default function UpdatePage() {
  const t = texts();
  const isForced = useRef(false);
  const found = useResource((signal) => readRelease(isForced.current, signal));
  const info = useResource((signal) => call(api.info.$get({}, { init: { signal } })));
  const check = () => {
    isForced.current = true;
    found.reload();
  };
  return (
    <>
      <PageHeader title={t.title} lead={t.lead}>
        <Button icon={RefreshCw} busy={found.loading.value} onClick={check}>{t.check}</Button>
      </PageHeader>
      <div class="stack">
        <Loaded from={found}>{(release) => <Versions {...release} />}</Loaded>
        {found.error.value && !found.data.value && info.data.value && (
          <Card>
            <Facts>
              <Fact name={t.running}>
                <Badge>{info.data.value.version}</Badge>
              </Fact>
            </Facts>
          </Card>
        )}
        <Card title={t.how}>
          <div class="stack">
            <p class="soft">{t.howLead}</p>
            {WAYS.map(([name, command]) => (
              <div key={name} class="update-way">
                <h3>{t[name]}</h3>
                <pre tabIndex={0}><code>{command}</code></pre>
                <CopyButton text={command} />
              </div>
            ))}
          </div>
        </Card>
      </div>
    </>
  );
}

/** @param isForced past what the gateway remembers */
function readRelease(isForced: boolean, signal: AbortSignal) {
  return call(api.update.check.$get({ query: { force: isForced ? "true" : "false" } }, { init: { signal } }));
}

function Versions(release: Awaited<ReturnType<typeof readRelease>>) {
  const t = texts();
  const { current, updateAvailable: isBehind, tag_name: latest } = release;
  return (
    <>
      <Note tone={isBehind ? "info" : "good"} icon={isBehind ? CircleFadingArrowUp : CircleCheck}>
        {isBehind ? t.isBehind(latest) : t.isNewest}
        {release._stale && <p class="soft small">{t.stale}</p>}
      </Note>
      <Card
        title={release.name || latest}
        actions={release.html_url && (
          <LinkButton small href={release.html_url} target="_blank" rel="noreferrer" icon={ExternalLink}>
            {t.open}
          </LinkButton>
        )}
      >
        <div class="stack">
          <Facts>
            <Fact name={t.running}>
              <Badge tone={isBehind ? "warn" : "good"}>{current}</Badge>
            </Fact>
            <Fact name={t.latest}>
              <Badge>{latest}</Badge>
            </Fact>
            <Fact name={t.published}>
              <Time at={release.published_at} />
            </Fact>
            <Fact name={t.checked}>
              <Time at={release.checkedAt} />
            </Fact>
          </Facts>
          {release.body && (
            <div class="stack tight">
              <h3>{t.notes}</h3>
              <p class="update-notes">{release.body}</p>
            </div>
          )}
        </div>
      </Card>
    </>
  );
}
