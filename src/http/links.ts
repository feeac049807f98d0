/** Addresses of our own: what clients see of us, and which links are ours. */
import ipaddr from "ipaddr.js";

/** What links depend on. */
export interface LinkOptions {
  /** As configured; absent = as the request came. */
  publicBaseUrl?: string;
  /** Proxies whose `X-Forwarded-*` headers are believed, as addresses or CIDR. */
  trustedProxies: readonly string[];
}

/** The address at which the sender of a request reaches us, without a slash at its end. */
export function publicBase(request: Request, peer: string | undefined, options: LinkOptions): string {
  if (options.publicBaseUrl) return options.publicBaseUrl.replace(/\/+$/, "");
  const url = new URL(request.url);
  if (peer === undefined || !isTrusted(peer, options.trustedProxies)) return url.origin;
  const first = (name: string) => request.headers.get(name)?.split(",")[0]?.trim();
  const proto = first("x-forwarded-proto") ?? url.protocol.replace(":", "");
  const host = first("x-forwarded-host") ?? url.host;
  const prefix = first("x-forwarded-prefix")?.replace(/\/+$/, "") ?? "";
  return /^https?$/.test(proto) && /^[\w.:[\]-]+$/.test(host) && /^(\/[\w.-]+)*$/.test(prefix)
    ? `${proto}://${host}${prefix}`
    : url.origin;
}

/** The name of a picture of ours, if `address` is a link to one: a path, or under one of `bases`. */
export function ownPicture(address: string, bases: readonly string[]): string | undefined {
  const path = address.startsWith("/storage/")
    ? address
    : bases.flatMap((base) => address.startsWith(`${base}/storage/`) ? address.slice(base.length) : [])[0];
  const name = path?.slice("/storage/".length).split(/[?#]/)[0];
  if (!name) return undefined;
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

/** Whether an address is one of these proxies. */
export function isTrusted(peer: string, proxies: readonly string[]): boolean {
  if (!ipaddr.isValid(peer)) return false;
  const address = ipaddr.process(peer);
  return proxies.some((proxy) => {
    const [network, bits] = proxy.includes("/")
      ? ipaddr.parseCIDR(proxy)
      : [ipaddr.process(proxy), undefined];
    if (network.kind() !== address.kind()) return false;
    return bits === undefined ? network.toString() === address.toString() : address.match(network, bits);
  });
}
