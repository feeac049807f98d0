/** The paths that clients really ask for, led back to the ones there are. */

const KNOWN =
  /^\/(?:v1\/)*((?:images\/(?:generations|edits|variations|blend)|chat\/completions|models)(?:\/.*)?)$/;

/**
 * The path of a URL without doubled or closing slashes, with exactly one `/v1` before a known endpoint:
 * base addresses are written with it, without it, and with it twice. Relays put the whole endpoint before it.
 */
export function normalPath(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start < 0) return "/";
  const end = url.slice(start).search(/[?#]/);
  const path = end < 0 ? url.slice(start) : url.slice(start, start + end);
  const plain = path.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
  // Clients that were given a whole endpoint as their base add another one behind it.
  const last = plain.replace(/^(\/v1)?\/chat\/completions(?=\/(v1|chat|images|models))/, "");
  const known = KNOWN.exec(last);
  return known ? `/v1/${known[1]}` : plain;
}
