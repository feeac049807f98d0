/** The calls of a request as bars on one axis of time: who was asked when, for how long, and what came of it. */
import { formatDuration } from "../../format.ts";
import { outcomeTone } from "../../outcomes.ts";
import { Outcome } from "../../parts/outcome.tsx";
import { Badge, Money } from "../../parts/signs.tsx";
import { texts } from "./texts.ts";

interface Attempt {
  provider: string;
  model: string;
  keyName?: string;
  outcome: string;
  status?: number;
  startedMs: number;
  durationMs: number;
  message?: string;
  costUsd?: number;
}

/** @param durationMs of the whole request */
export function Waterfall(
  { attempts, durationMs, isRelay }: { attempts: readonly Attempt[]; durationMs: number; isRelay: boolean },
) {
  const t = texts();
  const end = Math.max(durationMs, 1, ...attempts.map((attempt) => attempt.startedMs + attempt.durationMs));
  const ticks = ticksUpTo(end);
  const share = (ms: number) => `${100 * ms / end}%`;
  return (
    <div class="waterfall">
      <div class="axis" aria-hidden="true">
        {ticks.map((ms) => <span key={ms} style={{ "--at": share(ms) }}>{formatDuration(ms)}</span>)}
      </div>
      <ol aria-label={t.wayLabel}>
        {attempts.map((attempt, index) => (
          <li key={index} class={outcomeTone(attempt.outcome)}>
            <div class="who">
              <b class="cut">{attempt.provider}</b>
              <span class="soft small cut">{attempt.model}</span>
            </div>
            <div class="lane" aria-hidden="true">
              {ticks.map((ms) => <i key={ms} style={{ "--at": share(ms) }} />)}
              <span
                class="bar"
                style={{ "--at": share(attempt.startedMs), "--width": share(attempt.durationMs) }}
              />
            </div>
            <div class="what">
              <Outcome of={attempt.outcome} />
              {attempt.status !== undefined && <Badge>{String(attempt.status)}</Badge>}
              {attempt.outcome !== "skipped" && (
                <span class="number">
                  {formatDuration(attempt.durationMs)}{" "}
                  <span class="soft">{t.started(formatDuration(attempt.startedMs))}</span>
                </span>
              )}
              {attempt.outcome === "ok" && <Money usd={attempt.costUsd} />}
              <KeyName {...attempt} isRelay={isRelay} />
              {attempt.message && <span class="message">{attempt.message}</span>}
            </div>
          </li>
        ))}
      </ol>
    </div>
  );
}

function KeyName({ keyName, outcome, isRelay }: Attempt & { isRelay: boolean }) {
  const t = texts();
  if (keyName) return <code class="cut">{keyName}</code>;
  return isRelay && outcome !== "skipped" ? <span class="soft">{t.callersKey}</span> : null;
}

/** Round moments from 0 up to `end`, four to eight of them. */
function ticksUpTo(end: number): number[] {
  const rough = end / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough)!;
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step);
}
