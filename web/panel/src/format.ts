/** Numbers, times, money and sizes in the language of the panel. */
import { locale } from "./i18n.ts";

const formats = new Map<string, unknown>();

/** Making an `Intl` object costs more than using it a thousand times. */
function kept<T>(kind: string, options: object, make: (locale: string) => T): T {
  const name = `${kind} ${locale.value} ${JSON.stringify(options)}`;
  const found = formats.get(name) as T | undefined;
  if (found !== undefined) return found;
  const made = make(locale.value);
  formats.set(name, made);
  return made;
}

/** A number: `12,345`. */
export function formatNumber(value: number, options: Intl.NumberFormatOptions = {}): string {
  return kept("number", options, (name) => new Intl.NumberFormat(name, options)).format(value);
}

/** A large number, short: `12K`. */
export function formatShort(value: number): string {
  return formatNumber(value, { notation: "compact", maximumFractionDigits: 1 });
}

/** A share of one: `0.987` is `98.7%`. */
export function formatShare(value: number): string {
  return formatNumber(value, { style: "percent", maximumFractionDigits: 1 });
}

/** US-dollars: cents as usual, and as many digits as a small price needs. */
export function formatMoney(usd: number): string {
  const digits = usd === 0 || Math.abs(usd) >= 1 ? 2 : 4;
  return formatNumber(usd, {
    style: "currency",
    currency: "USD",
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: 2,
    maximumFractionDigits: digits,
  });
}

/** Bytes: `3.4 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return formatNumber(bytes / 1000 ** power, {
    style: "unit",
    unit: units[power],
    unitDisplay: power === 0 ? "long" : "short",
    maximumFractionDigits: power === 0 ? 0 : 1,
  });
}

/** A duration in ms: `840 ms`, `3.2 s`, `4 min`, `5 hr`. */
export function formatDuration(ms: number): string {
  const [value, unit] = ms < 1000
    ? [Math.round(ms), "millisecond"]
    : ms < 100_000
    ? [ms / 1000, "second"]
    : ms < 6_000_000
    ? [ms / 60_000, "minute"]
    : [ms / 3_600_000, "hour"];
  return formatNumber(value, {
    style: "unit",
    unit,
    unitDisplay: "short",
    maximumFractionDigits: unit === "second" ? 1 : 0,
  });
}

/** A moment, to the second. @param at ISO 8601, or ms since the epoch */
export function formatTime(at: string | number, options?: Intl.DateTimeFormatOptions): string {
  const wanted = options ?? { dateStyle: "medium", timeStyle: "medium" };
  return kept("time", wanted, (name) => new Intl.DateTimeFormat(name, wanted)).format(new Date(at));
}

const STEPS: [unit: Intl.RelativeTimeFormatUnit, ms: number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];

/** How far a moment is from now: `3 minutes ago`, `in 2 hours`. */
export function formatAway(at: string | number, now: number): string {
  const away = new Date(at).getTime() - now;
  const [unit, ms] = STEPS.find(([, ms]) => Math.abs(away) >= ms) ?? ["second", 1000];
  const options = { numeric: "auto" } as const;
  return kept("away", options, (name) => new Intl.RelativeTimeFormat(name, options))
    .format(Math.trunc(away / ms), unit);
}
