/** How the storage of pictures fares. */
import { formatNumber } from "../../format.ts";
import { Card, Fact, Facts } from "../../parts/page.tsx";
import { Bytes, Status, Time, type Tone } from "../../parts/signs.tsx";
import type { Overview } from "./overview.ts";
import { texts } from "./texts.ts";

type State = "well" | "ill" | "waits" | "off";
const TONES: Record<State, Tone> = { well: "good", ill: "bad", waits: "warn", off: "quiet" };

export function Storage(
  { target, pictures, bytes, pendingUploads, uploadError, uploadRetryAt, failures }: Overview["storage"],
) {
  const t = texts().storage;
  const state: State = failures.length > 0
    ? "ill"
    : uploadError
    ? "waits"
    : target === "off"
    ? "off"
    : "well";
  return (
    <Card title={t.title}>
      <div class="stack tight">
        <Status tone={TONES[state]}>{t[state]}</Status>
        <Facts>
          <Fact name={t.target}>{t.targets[target]}</Fact>
          <Fact name={t.pictures}>
            {formatNumber(pictures)} · <Bytes of={bytes} />
          </Fact>
          {pendingUploads > 0 && <Fact name={t.pending}>{formatNumber(pendingUploads)}</Fact>}
          {uploadRetryAt && (
            <Fact name={t.retry}>
              <Time at={uploadRetryAt} />
            </Fact>
          )}
        </Facts>
        {uploadError && <p class="small dash-reason">{uploadError}</p>}
        {failures.length > 0 && (
          <ul class="stack tight small" aria-label={t.log}>
            {failures.map(({ time, what, reason }) => (
              <li key={`${time} ${what}`} class="dash-reason">
                <span class="soft">
                  <Time at={time} />:
                </span>{" "}
                {what}: {reason}
              </li>
            ))}
          </ul>
        )}
      </div>
    </Card>
  );
}
