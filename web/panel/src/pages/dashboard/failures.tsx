/** The last requests that failed; each leads to its story. */
import { LinkButton } from "../../parts/button.tsx";
import { Outcome } from "../../parts/outcome.tsx";
import { Card } from "../../parts/page.tsx";
import { Time } from "../../parts/signs.tsx";
import type { Overview } from "./overview.ts";
import { texts } from "./texts.ts";

const MOST = 6;

export function Failures({ recentFailures }: Overview) {
  const t = texts().failures;
  return (
    <Card
      flush
      title={t.title}
      actions={recentFailures.length > 0 && (
        <LinkButton small href="/requests?status=failed">{t.all}</LinkButton>
      )}
    >
      {recentFailures.length === 0 ? <p class="dash-well soft">{t.none}</p> : (
        <ul class="dash-rows">
          {recentFailures.slice(0, MOST).map((
            { id, time, outcome, provider, usedModel, model, error, prompt },
          ) => (
            <li key={id} class="dash-failure">
              <div class="row apart">
                <a href={`/requests?id=${encodeURIComponent(id)}`}>
                  <Outcome of={outcome} />
                </a>
                <span class="soft small">
                  <Time at={time} />
                </span>
              </div>
              <div class="small cut">
                {[provider, usedModel ?? model].filter(Boolean).join(" · ")}
              </div>
              <div class="small soft cut" title={error}>{error ?? prompt}</div>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
