/** What somebody looks for in the history, as it stands in the address. */
import { useLocation } from "preact-iso";

const FILTERS = ["q", "provider", "model", "client", "status", "from", "to"] as const;

/** Empty texts are for everything; times are those of an `<input type="datetime-local">`. */
export type Look = Record<typeof FILTERS[number], string>;

/** The filters, the request that is open, and the ways to change both. */
export function useLook() {
  const { path, query, route } = useLocation();
  const look = Object.fromEntries(FILTERS.map((name) => [name, query[name] ?? ""])) as Look;
  const go = (members: Record<string, string>, isStep: boolean) => {
    const wanted = Object.entries(members).filter(([, value]) => value !== "");
    route([path, new URLSearchParams(wanted)].filter((part) => `${part}` !== "").join("?"), !isStep);
  };
  return {
    look,
    isFiltered: FILTERS.some((name) => look[name] !== ""),
    id: query.id,
    change: (change: Partial<Look>) => go({ ...look, ...change }, false),
    clear: () => go({}, false),
    open: (id: string) => go({ ...look, id }, true),
    close: () => go(look, true),
  };
}

/** The same as the gateway wants to have it. */
export function asQuery({ from, to, ...rest }: Look): Record<string, string> {
  const members = { ...rest, from: asTime(from), to: asTime(to) };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== ""));
}

function asTime(local: string): string {
  const time = new Date(local);
  return Number.isNaN(time.getTime()) ? "" : time.toISOString();
}
