/** Small signs that say a state, a moment or an amount in one way on every page. */
import { signal } from "@preact/signals";
import type { LucideIcon } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { formatAway, formatBytes, formatDuration, formatMoney, formatTime } from "../format.ts";
import { partTexts } from "./texts.ts";

/** What a colour means. Colour never says it alone: there is a word beside it. */
export type Tone = "good" | "warn" | "bad" | "info" | "quiet";

/** `<Badge tone="good">Enabled</Badge>` */
export function Badge(
  { tone = "quiet", icon: Icon, children }: { tone?: Tone; icon?: LucideIcon; children: ComponentChildren },
) {
  return (
    <span class={`badge ${tone}`}>
      {Icon && <Icon size={13} aria-hidden="true" />}
      {children}
    </span>
  );
}

/** A dot and a word: `<Status tone="bad">Out of credit</Status>` */
export function Status({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`status ${tone}`}>{children}</span>;
}

const now = signal(Date.now());
setInterval(() => document.hidden || (now.value = Date.now()), 10_000);

/** A moment as seen from now, the exact one as a tip. `exact` shows that instead. */
export function Time({ at, exact }: { at: string | number | undefined | null; exact?: boolean }) {
  if (at === undefined || at === null) return <Unknown />;
  const full = formatTime(at);
  return (
    <time dateTime={new Date(at).toISOString()} title={full}>
      {exact ? full : formatAway(at, now.value)}
    </time>
  );
}

/** US-dollars; what is unknown is said to be, and never zero. */
export function Money({ usd }: { usd: number | undefined | null }) {
  return usd === undefined || usd === null ? <Unknown /> : <span class="number">{formatMoney(usd)}</span>;
}

/** A size. */
export function Bytes({ of }: { of: number | undefined | null }) {
  return of === undefined || of === null ? <Unknown /> : <span class="number">{formatBytes(of)}</span>;
}

/** How long something took. */
export function Duration({ ms }: { ms: number | undefined | null }) {
  return ms === undefined || ms === null ? <Unknown /> : <span class="number">{formatDuration(ms)}</span>;
}

function Unknown() {
  return (
    <span class="soft">
      <span aria-hidden="true">–</span>
      <span class="unseen">{partTexts().unknown}</span>
    </span>
  );
}
