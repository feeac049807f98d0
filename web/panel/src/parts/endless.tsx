/** Listings that go on when their end comes into view. */
import { batch, type ReadonlySignal, type Signal, useSignal } from "@preact/signals";
import { useCallback, useEffect, useRef } from "preact/hooks";
import { healed } from "../connection.ts";
import { listen, type LiveType } from "../live.ts";
import { Button } from "./button.tsx";
import { ErrorState } from "./states.tsx";
import { partTexts } from "./texts.ts";

interface Listing<T> {
  data: T[];
  next?: string | null;
}

/** A listing, as far as it was read. */
export interface Endless<T> {
  items: Signal<readonly T[]>;
  loading: ReadonlySignal<boolean>;
  error: ReadonlySignal<Error | undefined>;
  /** Whether there is more at the gateway. */
  hasMore: ReadonlySignal<boolean>;
  more: () => void;
  /** Begins anew, and shows what was there until the first page is. */
  reload: () => void;
}

/**
 * Reads a listing page by page. Other `by` begins anew; so do live events of `on`, as long as only the first page
 * was read: nobody wants to be thrown back from the hundredth picture.
 *
 * `useEndless((after, signal) => call(api.requests.$get({ query: { after } }, { init: { signal } })), { by: [q] })`
 */
export function useEndless<T>(
  load: (after: string | undefined, signal: AbortSignal) => Promise<Listing<T>>,
  { by = [], on = [] }: {
    by?: readonly (string | number | boolean | undefined)[];
    on?: readonly LiveType[];
  } = {},
): Endless<T> {
  const items = useSignal<readonly T[]>([]);
  const next = useSignal<string | undefined>(undefined);
  const hasMore = useSignal(false);
  const loading = useSignal(true);
  const error = useSignal<Error>();
  const pages = useRef(0);
  const running = useRef<AbortController | undefined>(undefined);
  const latest = useRef(load);
  latest.current = load;

  const read = useCallback(async (after?: string) => {
    running.current?.abort();
    const { signal } = running.current = new AbortController();
    loading.value = true;
    try {
      const page = await latest.current(after, signal);
      if (signal.aborted) return;
      batch(() => {
        items.value = after === undefined ? page.data : [...items.value, ...page.data];
        pages.current = after === undefined ? 1 : pages.current + 1;
        next.value = page.next ?? undefined;
        hasMore.value = next.value !== undefined;
        error.value = undefined;
        loading.value = false;
      });
    } catch (failure) {
      if (signal.aborted) return;
      batch(() => {
        error.value = failure as Error;
        loading.value = false;
      });
    }
  }, []);
  const reload = useCallback(() => void read(), []);
  const more = useCallback(() => {
    if (!loading.peek() && next.peek() !== undefined) void read(next.peek());
  }, []);

  const isOld = useRef(false);
  useEffect(() => {
    if (isOld.current) items.value = [];
    isOld.current = true;
    reload();
    return () => running.current?.abort();
  }, [...by]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = () => {
      if (pages.current <= 1) timer ??= setTimeout(() => (timer = undefined, reload()), 400);
    };
    const stops = [listen(on, soon), healed.subscribe((times) => void (times > 0 && soon()))];
    return () => {
      stops.forEach((stop) => stop());
      clearTimeout(timer);
    };
  }, [on.join()]);
  return { items, loading, error, hasMore, more, reload };
}

/** The end of an endless listing: reads on when it comes into view, or by its button. */
export function EndlessEnd({ of }: { of: Endless<unknown> }) {
  const t = partTexts();
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && of.more(), {
      rootMargin: "600px",
    });
    observer.observe(end.current!);
    return () => observer.disconnect();
  }, [of.items.value.length, of.more]);
  return (
    <div ref={end} class="row end">
      {of.error.value
        ? <ErrorState error={of.error.value} retry={of.items.value.length === 0 ? of.reload : of.more} />
        : of.hasMore.value && <Button kind="quiet" busy={of.loading.value} onClick={of.more}>{t.more}
        </Button>}
    </div>
  );
}
