/**
 * The listing of keys as far as somebody has scrolled, page by page. A change at the gateway reads again what is
 * in view at once, and the other pages when they come into view.
 */
import { batch, type ReadonlySignal, type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { healed } from "../../connection.ts";
import { listen } from "../../live.ts";
import { type Filter, type Key, readPage } from "./keys.ts";

interface Page {
  after?: string;
  next?: string;
  keys: readonly Key[];
  /** Something may have changed since. */
  isOld: boolean;
}

/** What of the listing is known. */
export interface KeyPages {
  keys: readonly Key[];
  hasMore: boolean;
  isRead: ReadonlySignal<boolean>;
  error: Signal<Error | undefined>;
  /** Tells which rows are in view. */
  onVisible: (first: number, last: number) => void;
  /** Reads again what is shown. */
  refresh: () => void;
}

/** So many rows before the end the next page is asked for. */
const AHEAD = 100;
const MANY = 400;

/** Reads the keys of a filter. */
export function useKeyPages(filter: Filter): KeyPages {
  const { provider, state, q } = filter;
  const pages = useSignal<readonly Page[]>([]);
  const isRead = useSignal(false);
  const error = useSignal<Error>();
  const now = useRef({ filter, first: 0, last: 0, run: new AbortController(), isBusy: false });
  now.current.filter = filter;

  const reader = useMemo(() => {
    /** One page at a time, what is in view first. */
    const work = async () => {
      const { run } = now.current;
      if (now.current.isBusy) return;
      now.current.isBusy = true;
      for (let index; (index = wanted(pages.peek(), now.current)) !== undefined;) {
        const after = index === 0 ? undefined : pages.peek()[index - 1]!.next;
        try {
          const { data, next } = await readPage(now.current.filter, after, run.signal);
          if (run.signal.aborted) return;
          batch(() => {
            pages.value = placed(pages.peek(), index, { after, next, keys: data, isOld: false });
            isRead.value = true;
            error.value = undefined;
          });
        } catch (failure) {
          if (run.signal.aborted) return;
          error.value = failure as Error;
          break;
        }
      }
      now.current.isBusy = false;
    };
    return {
      onVisible: (first: number, last: number) => {
        Object.assign(now.current, { first, last });
        if (!error.peek()) void work();
      },
      refresh: () => {
        pages.value = pages.peek().map((page) => ({ ...page, isOld: true }));
        void work();
      },
      begin: () => {
        now.current.run.abort();
        Object.assign(now.current, { first: 0, last: 0, run: new AbortController(), isBusy: false });
        batch(() => {
          pages.value = [];
          isRead.value = false;
          error.value = undefined;
        });
        void work();
      },
    };
  }, []);

  useEffect(() => {
    reader.begin();
    return () => now.current.run.abort();
  }, [provider, state, q]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = () => timer ??= setTimeout(() => (timer = undefined, reader.refresh()), MANY);
    const stops = [listen(["keys"], soon), healed.subscribe((times) => void (times > 0 && soon()))];
    return () => {
      stops.forEach((stop) => stop());
      clearTimeout(timer);
    };
  }, []);

  const keys = useMemo(() => joined(pages.value), [pages.value]);
  return {
    keys,
    hasMore: pages.value.at(-1)?.next !== undefined,
    isRead,
    error,
    onVisible: reader.onVisible,
    refresh: reader.refresh,
  };
}

/** The place of the page to read next. */
function wanted(
  pages: readonly Page[],
  { first, last }: { first: number; last: number },
): number | undefined {
  let start = 0;
  for (const [index, { keys, isOld }] of pages.entries()) {
    const end = start + keys.length;
    // An empty page is always in view.
    if (isOld && start <= last && end >= first) return index;
    start = end;
  }
  const isNear = last >= start - AHEAD;
  return pages.length === 0 || isNear && pages.at(-1)!.next !== undefined ? pages.length : undefined;
}

/** Where a page ends otherwise than before, the next one begins otherwise and is to be read again. */
function placed(pages: readonly Page[], index: number, page: Page): Page[] {
  const before = pages.slice(0, index);
  if (page.next === undefined) return [...before, page];
  const [following, ...rest] = pages.slice(index + 1);
  if (!following) return [...before, page];
  return [
    ...before,
    page,
    { ...following, isOld: following.isOld || following.after !== page.next },
    ...rest,
  ];
}

/** A key that was read with two pages, because others before it went away, stands once. */
function joined(pages: readonly Page[]): readonly Key[] {
  return [...new Map(pages.flatMap(({ keys }) => keys.map((key) => [key.id, key]))).values()];
}
