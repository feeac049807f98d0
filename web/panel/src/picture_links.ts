/** Addresses of stored pictures. The session's cookie opens them here, also where links for others are signed. */

/** A smaller version. @param width in pixels, brought to the next of a few steps by the gateway */
export function thumbnailOf(name: string, width: number): string {
  return `${storedAt(name)}?w=${width}`;
}

/** The picture itself, without a signature. */
export function storedAt(name: string): string {
  return `/storage/${encodeURIComponent(name)}`;
}

/** Saves the picture instead of showing it. */
export function downloadOf(name: string): string {
  return `${storedAt(name)}?download=1`;
}

/** What somebody else can be given. @param url as the gateway told it: a path, signed if need be, or an address */
export function linkOf({ url }: { url: string }): string {
  return new URL(url, location.origin).href;
}

/** The name of the picture that a link of this gateway leads to. */
export function nameIn(link: string): string | undefined {
  const [, name] = /\/storage\/([^/?#]+)/.exec(link) ?? [];
  return name === undefined ? undefined : decodeURIComponent(name);
}
