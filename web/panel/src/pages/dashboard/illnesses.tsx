/** Who is left alone for now, why, and until when. */
import { CircleCheck, KeyRound } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { formatNumber } from "../../format.ts";
import { LinkButton } from "../../parts/button.tsx";
import { Reason } from "../../parts/outcome.tsx";
import { Card } from "../../parts/page.tsx";
import { Badge, Status, Time, type Tone } from "../../parts/signs.tsx";
import type { Overview } from "./overview.ts";
import { texts } from "./texts.ts";

/** More keys than these are counted, not listed. */
const MOST_KEYS = 6;

export function Illnesses({ providers, illRoutes, illKeys, now }: Overview) {
  const t = texts().ill;
  const resting = providers.filter(({ state }) => state === "resting");
  const without = providers.filter(({ state, keys }) => state === "no keys" && keys.total > 0);
  const isWell = resting.length + without.length + illRoutes.length + illKeys.length === 0;
  // A key may rest for several models, and the gateway tells some of them only.
  const restingKeys = providers.reduce((sum, { keys }) => sum + keys.resting, 0);
  const shown = illKeys.slice(0, MOST_KEYS);
  const more = Math.max(restingKeys, illKeys.length) - shown.length;
  const at = (backAt: string | undefined) => ({ backAt, now });
  return (
    <Card
      flush
      title={t.title}
      actions={!isWell && <LinkButton small icon={KeyRound} href="/keys">{t.toKeys}</LinkButton>}
    >
      {isWell
        ? (
          <p class="dash-well">
            <CircleCheck size={18} aria-hidden="true" /> {t.well}
          </p>
        )
        : (
          <ul class="dash-rows">
            {resting.map(({ provider, keys, reason = "", backAt }) => (
              <Ill key={provider} tone="bad" name={provider} {...at(backAt)} reason={reason}>
                {t.allRest(keys.total - keys.disabled, formatNumber(keys.total - keys.disabled))}
              </Ill>
            ))}
            {without.map(({ provider, keys }) => (
              <Ill key={provider} tone="bad" name={provider} {...at(undefined)}>
                {t.allDisabled(keys.total, formatNumber(keys.total))}
              </Ill>
            ))}
            {illRoutes.map(({ provider, model, reason, backAt }) => (
              <Ill key={`${provider}/${model}`} tone="bad" name={provider} {...at(backAt)} reason={reason}>
                {model && t.forModel(model)}
              </Ill>
            ))}
            {shown.map(({ id, provider, name, model, reason, backAt }) => (
              <Ill
                key={`${id} ${model}`}
                tone="warn"
                name={t.key(name)}
                {...at(backAt)}
                reason={reason}
              >
                {provider}
                {model && ` · ${t.forModel(model)}`}
              </Ill>
            ))}
            {more > 0 && (
              <li>
                <a href="/keys">{t.more(more, formatNumber(more))}</a>
              </li>
            )}
          </ul>
        )}
    </Card>
  );
}

function Ill({ tone, name, reason, backAt, now, children }: {
  tone: Tone;
  name: string;
  reason?: string;
  backAt: string | undefined;
  now: string;
  children: ComponentChildren;
}) {
  const t = texts().ill;
  return (
    <li>
      <div class="row apart">
        <Status tone={tone}>
          <b>{name}</b>
        </Status>
        {backAt && (
          <Badge>
            {t.back}: {backAt > now ? <Time at={backAt} /> : t.soon}
          </Badge>
        )}
      </div>
      <div class="small">{children}</div>
      {reason && (
        <div class="small dash-reason">
          <Reason of={reason} />
        </div>
      )}
    </li>
  );
}
