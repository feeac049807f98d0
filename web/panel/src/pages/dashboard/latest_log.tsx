/** The last lines of the log, as they are written. */
import { ScrollText } from "lucide-preact";
import { LEVELS, lineKey, useLog } from "../../log.ts";
import { LinkButton } from "../../parts/button.tsx";
import { LogRow } from "../../parts/log_row.tsx";
import { Card } from "../../parts/page.tsx";
import { texts } from "./texts.ts";

const SHOWN = 10;
/** Lines below the level that is shown come along. */
const KEPT = 100;
const LEAST = LEVELS.indexOf("info");

export function LatestLog() {
  const t = texts().log;
  const { lines } = useLog(KEPT);
  const latest = lines.value.filter(({ level }) => LEVELS.indexOf(level) >= LEAST).slice(-SHOWN);
  return (
    <Card
      flush
      title={t.title}
      actions={<LinkButton small icon={ScrollText} href="/logs">{t.all}</LinkButton>}
    >
      <div class="log-box dash-log">
        {latest.length === 0 ? <p class="dash-well soft">{t.none}</p> : (
          latest.map((line) => <LogRow key={lineKey(line)} line={line} />)
        )}
      </div>
    </Card>
  );
}
