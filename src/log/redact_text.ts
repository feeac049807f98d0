/**
 * Takes secrets and images out of a text before anybody keeps it. A long text is cut first, so that the work
 * is bounded whatever was logged.
 */
import { remembered } from "../core/remembered.ts";

/** What stands in place of a secret. */
export const REDACTED = "[redacted]";

/** How much of one text is kept, in characters. */
export const MAX_TEXT = 8192;

/** Cutting may halve a secret so that its shape is lost; a word this long or shorter is dropped at the cut. */
const LONGEST_SECRET = 512;

const NAME_OF_SECRET =
  /(?:key|token|secret|password|passwd|pwd|passphrase|cookie|authorization|credential|signature|jwt)s?$/;
const SHORT_NAMES_OF_SECRETS = new Set(["auth", "sig", "bearer"]);
/** `keyName`, `tokenCount`, `secretId` … tell about a secret without telling it. */
const ABOUT_A_SECRET = new Set(
  [
    "id",
    "ids",
    "name",
    "names",
    "preview",
    "count",
    "index",
    "state",
    "type",
    "kind",
    "at",
    "until",
    "reason",
    "ms",
  ],
);

/** So short is what comes again and again, in characters; and so many of them are remembered. */
const SHORT = 64;
const MAX_KNOWN = 2000;

/** Whether a field, header or parameter of this name holds a secret. */
export const namesSecret = remembered((name) => {
  const words = name.slice(-100).replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().split(/[^a-z0-9]+/)
    .filter(Boolean);
  if (ABOUT_A_SECRET.has(words.at(-1) ?? "")) return false;
  return words.some((word) => NAME_OF_SECRET.test(word) || SHORT_NAMES_OF_SECRETS.has(word));
}, { most: MAX_KNOWN, longest: SHORT });

/** Short texts are the same few again and again: names of fields, providers, models, paths. None is a secret. */
const harmless = new Set<string>();

/** The text without secrets, images and most of what is beyond `limit` characters. */
export function redactText(text: string, limit = MAX_TEXT): string {
  if (text.length <= limit && harmless.has(text)) return text;
  const safe = redact(text, limit);
  if (safe === text && text.length <= SHORT) {
    if (harmless.size >= MAX_KNOWN) harmless.clear();
    harmless.add(text);
  }
  return safe;
}

function redact(text: string, limit: number): string {
  const head = text.slice(0, limit);
  const beyond = text.length - head.length;
  const safe = hideImages(hideSecrets(head), beyond);
  if (!beyond || safe.endsWith("]")) return safe;
  return `${withoutLastWord(safe)} […${sizeOf(beyond)} more]`;
}

/** A size in words: `812 B`, `1.4 MB`. */
export function sizeOf(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

// Every repetition is bounded or cannot overlap what follows it: none of these can run away on 8 kB.
const WHOLE_HEADER =
  /((?:proxy-)?authorization|(?:set-)?cookie)([\\"']{0,4}\s{0,3}[:=]\s{0,3}[\\"']{0,4})[^"'\\\r\n[][^"'\\\r\n]*/gi;
const USER_IN_URL = /:\/\/[^\s/@"'<>?#]{1,512}@/g;
const SCHEME = /\b(Bearer\s+|Bearer%20|Basic\s+(?=\S{12}))[^\s"',;\\[]{4,}/gi;
const JSON_WEB_TOKEN = /\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?/g;
const NAME_AND_SIGN = /([\w.$[\]-]{1,60})[\\"']{0,4}\s{0,3}([:=])\s{0,3}\[?/g;
const VALUE = /(\\{0,2}")[^"]*"?|(')[^']*'?|[^\s"'&,;<>(){}[\]]+/y;
const KEY =
  /(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2}))(sk-newapi-|sk-|hf_|AIza|r8_|rpa_|bfl_|pk_|sk_|(?:ark-|ms-|ir-)(?=[\w-]{16}))[\w-]{8,}/g;
/** Keys of Gitee and others have no mark but their length; lower-case hexadecimal is some id or checksum. */
const UNMARKED_KEY =
  /(?<![A-Za-z0-9])(?![0-9a-f]+(?![A-Za-z0-9]))(?=[A-Za-z]*[0-9])[A-Za-z0-9]{30,60}(?![A-Za-z0-9])/g;

function hideSecrets(text: string): string {
  // Without a sign there is nothing that could be named, and most texts have none.
  const named = /[:=]/.test(text)
    ? hideNamed(
      text
        .replace(WHOLE_HEADER, `$1$2${REDACTED}`)
        .replace(USER_IN_URL, `://${REDACTED}@`)
        .replace(SCHEME, `$1${REDACTED}`)
        .replace(JSON_WEB_TOKEN, `eyJ…${REDACTED}`),
    )
    : text.replace(SCHEME, `$1${REDACTED}`).replace(JSON_WEB_TOKEN, `eyJ…${REDACTED}`);
  return named
    .replace(KEY, `$1…${REDACTED}`)
    .replace(UNMARKED_KEY, `…${REDACTED}`);
}

/** Hides what follows a telling name, as in `?key=…`, `"apiKey": "…"` or `token: …`. */
function hideNamed(text: string): string {
  let safe = "";
  let end = 0;
  for (const { 0: found, 1: name = "", 2: sign, index } of text.matchAll(NAME_AND_SIGN)) {
    if (index < end || !namesSecret(name)) continue;
    VALUE.lastIndex = index + found.length;
    const [value, ...quotes] = VALUE.exec(text) ?? [""];
    const quote = quotes.find(Boolean) ?? "";
    if (!value || isProse(value, sign)) continue;
    safe += text.slice(end, index + found.length) + quote + REDACTED + (/["']$/.test(value) ? quote : "");
    end = index + found.length + value.length;
  }
  return safe + text.slice(end);
}

/** "no usable key: all are resting" is prose, and `tokens=12` a count. */
function isProse(value: string, sign = ""): boolean {
  return /^(?:\d{1,9}|true|false|null|undefined|redacted)$/.test(value) ||
    sign === ":" && /^[A-Za-z.]*$/.test(value);
}

const IMAGE =
  /data:([\w.+-]{0,64}(?:\/[\w.+-]{0,64})?)[^,\s"']{0,100};base64,[\w+/=%-]*|[A-Za-z0-9+/_-]{200,}={0,2}/g;

/** How base64 of each type begins. */
const BEGINNINGS: [string, string][] = [
  ["iVBORw0KGgo", "png"],
  ["/9j/", "jpeg"],
  ["R0lGOD", "gif"],
  ["UklGR", "webp"],
];

/** @param beyond characters that were cut off: a run that reaches the cut is taken to go on to the end. */
function hideImages(text: string, beyond: number): string {
  return text.replace(IMAGE, (found, type: string | undefined, at: number) => {
    const start = type === undefined ? 0 : found.indexOf("base64,") + "base64,".length;
    const characters = found.length - start + (at + found.length === text.length ? beyond : 0);
    const kind = type?.split("/").at(-1) || BEGINNINGS.find(([begin]) => found.startsWith(begin, start))?.[1];
    return `[${kind ?? "base64"} ${sizeOf(Math.floor(characters * 3 / 4))}]`;
  });
}

function withoutLastWord(text: string): string {
  let end = text.length;
  const least = Math.max(0, end - LONGEST_SECRET);
  while (end > least && !/\s/.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}
