/**
 * The gallery's pictures: what is filtered by, as the address says it; a listing that goes on without end and takes
 * in what is new without throwing anybody back to its beginning; and their removal.
 */
import { useLocation } from "preact-iso";
import { useEffect, useRef } from "preact/hooks";
import { api, call } from "../../api.ts";
import { healed } from "../../connection.ts";
import { listen } from "../../live.ts";
import { type Endless, useEndless } from "../../parts/endless.tsx";
import { confirm } from "../../parts/dialog.tsx";
import { toast } from "../../parts/toasts.tsx";
import { texts } from "./texts.ts";

/** What the address may hold, by its names there. Days are local ones, `YYYY-MM-DD`. */
export const FILTERS = ["q", "provider", "model", "client", "task", "from", "to"] as const;
/** Filters that are set. */
export type Filter = Partial<Record<typeof FILTERS[number], string>>;
/** A picture as the gateway tells it. */
export type Picture = Awaited<ReturnType<typeof readPage>>["data"][number];

const PAGE = 60;
/** As many as the gateway removes at once. */
const MOST_REMOVED = 1000;
const PAUSE = 300;

/** Reads and changes what the address says. */
export function useFilter(): { filter: Filter; change: (changed: Filter) => void } {
  const { query, route } = useLocation();
  const filter: Filter = {};
  for (const name of FILTERS) if (query[name]) filter[name] = query[name];
  const change = (changed: Filter) => {
    const set = Object.entries({ ...filter, ...changed }).filter(([, value]) => value);
    const search = new URLSearchParams(set).toString();
    route(search ? `/pic?${search}` : "/pic", true);
  };
  return { filter, change };
}

async function readPage({ from, to, ...filter }: Filter, after?: string, signal?: AbortSignal) {
  const query = { ...filter, ...stretchOf(from, to), limit: String(PAGE), ...after && { after } };
  const page = await call(api.gallery.$get({ query }, { init: { signal } }));
  return Array.isArray(page) ? { data: [] } : page;
}

/** Both days included. What is no day, such as somebody may write into the address, is none. */
function stretchOf(from?: string, to?: string): { from?: string; to?: string } {
  const at = (day: string | undefined, more: number) => {
    const date = new Date(`${day}T00:00`);
    date.setDate(date.getDate() + more);
    return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
  };
  return Object.fromEntries(
    Object.entries({ from: at(from, 0), to: at(to, 1) }).filter(([, time]) => time !== undefined),
  );
}

/** The pictures that match, newest first. A picture that is made meanwhile appears on top. */
export function usePictures(filter: Filter, onNew: (count: number) => void): Endless<Picture> {
  const pictures = useEndless(
    (after, signal) => readPage(filter, after, signal),
    { by: FILTERS.map((name) => filter[name]) },
  );
  const latest = useRef({ filter, onNew });
  latest.current = { filter, onNew };
  useEffect(() => {
    const left = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const refresh = async () => {
      timer = undefined;
      const { filter, onNew } = latest.current;
      const first = await readPage(filter, undefined, left.signal).catch(() => undefined);
      // What failed is told where the listing itself reads; another filter began anew meanwhile.
      if (!first || latest.current.filter !== filter && !isSame(latest.current.filter, filter)) return;
      const known = new Set(pictures.items.peek().map(({ name }) => name));
      pictures.items.value = merge(first, pictures.items.peek());
      const added = first.data.filter(({ name }) => !known.has(name)).length;
      if (added > 0) onNew(added);
    };
    const soon = () => {
      if (!pictures.loading.peek()) timer ??= setTimeout(refresh, PAUSE);
    };
    const stops = [
      listen(["pictures", "jobs"], soon),
      healed.subscribe((times) => void (times > 0 && soon())),
    ];
    return () => {
      left.abort();
      clearTimeout(timer);
      stops.forEach((stop) => stop());
    };
  }, []);
  return pictures;
}

function isSame(one: Filter, other: Filter): boolean {
  return FILTERS.every((name) => one[name] === other[name]);
}

/** The first page as it is now, and behind it what was read before: so what was removed in between goes, too. */
function merge(
  { data, next }: Awaited<ReturnType<typeof readPage>> & { next?: string },
  shown: readonly Picture[],
) {
  const last = data.at(-1);
  if (!next || !last) return data;
  const fresh = new Set(data.map(({ name }) => name));
  return [...data, ...shown.filter(({ name, time }) => time <= last.time && !fresh.has(name))];
}

/** Removes pictures after a question. Gives the names of those that are gone. */
export async function removePictures(names: readonly string[]): Promise<string[]> {
  const t = texts();
  const isWanted = await confirm({
    title: t.removeAsk(names.length),
    body: t.removeBody,
    action: t.remove,
    danger: true,
  });
  if (!isWanted) return [];
  const gone: string[] = [];
  try {
    for (let start = 0; start < names.length; start += MOST_REMOVED) {
      const filenames = names.slice(start, start + MOST_REMOVED);
      const { deleted, notDeleted } = await call(api.gallery.$delete({ json: { filenames } }));
      gone.push(...deleted);
      if (notDeleted.length > 0) toast.bad(new Error(t.notRemoved(notDeleted.length)));
    }
  } catch (error) {
    toast.bad(error);
  }
  if (gone.length > 0) toast.good(t.removed(gone.length));
  return gone;
}
