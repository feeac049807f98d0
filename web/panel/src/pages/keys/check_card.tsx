/** Shows how a check of keys goes. */
import { X } from "lucide-preact";
import { Button, IconButton } from "../../parts/button.tsx";
import { Card } from "../../parts/page.tsx";
import { Status } from "../../parts/signs.tsx";
import { formatNumber } from "../../format.ts";
import type { Checking } from "./checking.ts";
import { texts } from "./texts.ts";

const MOST = 8;

export function CheckCard({ checking: { progress, cancel, close } }: { checking: Checking }) {
  const t = texts();
  const now = progress.value;
  if (!now) return null;
  const { total, done, good, bad, unknown, reasons, isRunning } = now;
  const told = isRunning
    ? t.checking(done, total)
    : done < total
    ? t.checkStopped(done, total)
    : t.checked(done);
  return (
    <Card
      title={told}
      actions={isRunning
        ? <Button small onClick={cancel}>{t.stop}</Button>
        : <IconButton icon={X} small label={t.closeResult} onClick={close} />}
    >
      <div class="stack tight">
        <progress class="keys-progress" aria-label={told} max={total} value={done} />
        <div class="row" role="status">
          <Status tone="good">{t.good(formatNumber(good))}</Status>
          <Status tone="bad">{t.bad(formatNumber(bad))}</Status>
          {unknown > 0 && <Status tone="quiet">{t.cannotTell(formatNumber(unknown))}</Status>}
        </div>
        {reasons.size > 0 && (
          <ul class="small stack tight">
            {[...reasons].sort(([, a], [, b]) => b - a).slice(0, MOST).map(([reason, count]) => (
              <li key={reason}>
                <span class="number">{formatNumber(count)} ×</span> <span class="soft">{reason}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Card>
  );
}
