/** What is shown while there is nothing to show: waiting, nothing there, something went wrong. */
import { CloudOff, type LucideIcon, TriangleAlert } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { ApiError } from "../api.ts";
import { messageOf, type Resource } from "../resource.ts";
import { Button } from "./button.tsx";
import type { Tone } from "./signs.tsx";
import { partTexts } from "./texts.ts";

/** Nothing there yet: says what would be here, and how to get it. */
export function EmptyState(
  { icon: Icon, title, children, action }: {
    icon?: LucideIcon;
    title: string;
    children?: ComponentChildren;
    action?: ComponentChildren;
  },
) {
  return (
    <div class="state">
      {Icon && <Icon size={32} strokeWidth={1.5} aria-hidden="true" />}
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action && <div class="row">{action}</div>}
    </div>
  );
}

/** Something went wrong: the gateway's own words, which tell what to do, and a way to try again. */
export function ErrorState({ error, retry }: { error: unknown; retry?: () => void }) {
  const t = partTexts();
  const isOffline = error instanceof ApiError && error.isOffline;
  const Icon = isOffline ? CloudOff : TriangleAlert;
  return (
    <div class="state bad" role="alert">
      <Icon size={32} strokeWidth={1.5} aria-hidden="true" />
      <h2>{isOffline ? t.offline : t.failed}</h2>
      <p>{isOffline ? t.offlineHint : messageOf(error)}</p>
      {retry && (
        <div class="row">
          <Button onClick={retry}>{t.retry}</Button>
        </div>
      )}
    </div>
  );
}

/** Grey lines where text will be. */
export function Skeleton({ lines = 4 }: { lines?: number }) {
  return (
    <div class="skeleton" role="status" aria-label={partTexts().loading}>
      {Array.from({ length: lines }, (_, index) => <span key={index} />)}
    </div>
  );
}

/**
 * Waiting, error or data of a resource: `<Loaded from={clients}>{(found) => <DataTable … />}</Loaded>`
 * What was once read stays while a newer answer fails: the error is then shown above it.
 */
export function Loaded<T>(
  { from, lines, children }: { from: Resource<T>; lines?: number; children: (data: T) => ComponentChildren },
) {
  const data = from.data.value;
  const error = from.error.value;
  if (data === undefined) {
    return error ? <ErrorState error={error} retry={from.reload} /> : <Skeleton lines={lines} />;
  }
  return (
    <>
      {error && !(error instanceof ApiError && error.isOffline) && <Note tone="bad">{messageOf(error)}</Note>}
      {children(data)}
    </>
  );
}

/** A remark in a box: `<Note tone="warn" icon={TriangleAlert}>…</Note>` */
export function Note(
  { tone = "info", icon: Icon, children }: { tone?: Tone; icon?: LucideIcon; children: ComponentChildren },
) {
  return (
    <div class={`note ${tone}`}>
      {Icon && <Icon size={18} aria-hidden="true" />}
      <div>{children}</div>
    </div>
  );
}
