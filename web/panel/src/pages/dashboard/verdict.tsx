/** The first line: how it is, in one sentence. */
import { CircleCheck, CirclePause, FileWarning, TriangleAlert } from "lucide-preact";
import { formatNumber } from "../../format.ts";
import { outcomeName } from "../../outcomes.ts";
import { Time } from "../../parts/signs.tsx";
import { Note } from "../../parts/states.tsx";
import { type Overview, VERDICT_TONES, verdictOf, worstKind } from "./overview.ts";
import { texts } from "./texts.ts";

export function VerdictNote(overview: Overview) {
  const t = texts().verdict;
  const verdict = verdictOf(overview);
  const tone = VERDICT_TONES[verdict];
  const Icon = verdict === "quiet" ? CirclePause : tone === "good" ? CircleCheck : TriangleAlert;
  return (
    <div role="status" class="stack tight">
      <Note tone={tone} icon={Icon}>
        <b class="dash-verdict">{t[verdict]}</b>
        <p class="soft">
          {verdict === "nobody" ? <Nobody {...overview} /> : <LastHour {...overview.lastHour} />}
        </p>
      </Note>
      {overview.settingsFaults > 0 && (
        <Note tone="warn" icon={FileWarning}>
          <b>{t.faults(overview.settingsFaults)}</b>
          <p class="soft">
            {t.faultsHint} <a href="/setting">{t.toSettings}</a>
          </p>
        </Note>
      )}
    </div>
  );
}

function LastHour(lastHour: Overview["lastHour"]) {
  const t = texts().verdict;
  const { requests, failures, images } = lastHour;
  if (requests === 0) return <>{t.quietHint}</>;
  const worst = worstKind(lastHour);
  const told = t.hour(
    t.images(images, formatNumber(images)),
    formatNumber(failures),
    t.requests(requests, formatNumber(requests)),
  );
  return <>{told} {worst && t.mostOften(outcomeName(worst))}</>;
}

function Nobody({ providers }: Overview) {
  const t = texts();
  const first = providers.map(({ backAt }) => backAt).filter((at) => at !== undefined).sort()[0];
  return (
    <>
      {t.verdict.nobodyHint} {first && (
        <>
          {t.ill.back}: <Time at={first} />
        </>
      )}
    </>
  );
}
