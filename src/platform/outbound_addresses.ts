/**
 * Which addresses a URL of unknown origin may lead to: the public internet, and what the operator has listed.
 * Everything is judged by address and never by spelling, so that no spelling gets around it.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { Failed } from "../core/failure.ts";

/** One address of a host. */
export interface Address {
  address: string;
  /** 4 or 6. */
  family: number;
}

/** Looks up all addresses of a name. */
export type Resolve = (hostname: string) => Promise<Address[]>;

/** An entry of the operator's list. Without a port it holds for every port. */
export type AllowedHost = { port?: number } & ({ name: string } | { network: Network });

type Ip = ipaddr.IPv4 | ipaddr.IPv6;
type Network = [Ip, number];

/** The system's resolver, with its hosts file. */
export const systemResolve: Resolve = (hostname) => lookup(hostname, { all: true, order: "verbatim" });

/** The failure of everything that is wrong with an address or with what it answers. */
export function badUrl(message: string, cause?: unknown): Failed {
  return new Failed({ kind: "invalid_request", code: "invalid_image_url", message }, cause);
}

/** Global unicast, RFC 4291 §2.4; all that IANA has not assigned, and `::a.b.c.d`, lies outside. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR("2000::/3");

/** Azure answers every virtual machine here, with its settings, although the address looks public. */
const AZURE_HOST = "168.63.129.16";

/**
 * Whether an address is a plain public one. Addresses that wrap another one (mapped, 6to4, NAT64, Teredo)
 * are not, whatever they wrap.
 */
export function isPublicAddress(text: string): boolean {
  if (!isIP(text) || text.includes("%")) return false;
  const ip = ipaddr.parse(text);
  if (ip.range() !== "unicast") return false;
  return ip instanceof ipaddr.IPv6 ? ip.match(GLOBAL_IPV6) : text !== AZURE_HOST;
}

/**
 * Reads an entry of `security.allowHosts`: `host`, `host:port` or a CIDR. An address counts as a network of one.
 * Gives `undefined` where it is none of these.
 */
export function parseAllowedHost(entry: string): AllowedHost | undefined {
  const text = entry.trim();
  if (text.includes("/")) {
    const isCidr = ipaddr.IPv4.isValidCIDRFourPartDecimal(text) || ipaddr.IPv6.isValidCIDR(text);
    return isCidr ? { network: ipaddr.parseCIDR(text) } : undefined;
  }
  const [, host = "", port] = /^(.+?)(?::(\d{1,5}))?$/.exec(isIP(text) === 6 ? `[${text}]` : text) ?? [];
  const url = /[\s@?#\\%*]/.test(host) ? null : URL.parse(`http://${host}`);
  if (!url || url.port || Number(port ?? 0) > 65_535) return undefined;
  const name = hostOf(url);
  const ip = isIP(name) ? ipaddr.process(name) : undefined;
  return {
    ...(port && { port: Number(port) }),
    ...(ip ? { network: [ip, ip instanceof ipaddr.IPv4 ? 32 : 128] } : { name }),
  };
}

/**
 * The addresses that a connection for `url` may be made to; none other may be used, and no second lookup is to
 * be made. A name that answers with both public and forbidden addresses is refused as a whole.
 * @throws Failed `invalid_request` if there are none
 */
export async function checkedAddresses(
  url: URL,
  allowHosts: readonly string[],
  resolve: Resolve,
): Promise<Address[]> {
  const host = hostOf(url);
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  const allowed = allowHosts.map(parseAllowedHost)
    .filter((entry) => entry !== undefined)
    .filter((entry) => entry.port === undefined || entry.port === port);

  const addresses = await addressesOf(host, resolve);
  if (allowed.some((entry) => "name" in entry && entry.name === host)) return addresses;
  const listed = addresses.filter(({ address }) => allowed.some((entry) => covers(entry, address)));
  if (listed.length > 0) return listed;
  if (addresses.every(({ address }) => isPublicAddress(address))) return addresses;
  throw badUrl(
    `Cannot fetch from ${url.host}: private, local and reserved addresses are not allowed; ` +
      "the operator can list this host in security.allowHosts",
  );
}

/** The host of a URL as names are compared and looked up: without brackets, and without the root's dot. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}

async function addressesOf(host: string, resolve: Resolve): Promise<Address[]> {
  if (isIP(host)) return [{ address: host, family: isIP(host) }];
  // RFC 6761 §6.3: always loopback, and nobody is to be asked.
  if (host === "localhost" || host.endsWith(".localhost")) {
    return [{ address: "127.0.0.1", family: 4 }, { address: "::1", family: 6 }];
  }
  const found = await resolve(host).catch((error) => {
    throw badUrl(`Cannot fetch from ${host}: the host name could not be resolved`, error);
  });
  const addresses = found.filter(({ address }) => isIP(address))
    .map(({ address }) => ({ address, family: isIP(address) }));
  if (addresses.length === 0) throw badUrl(`Cannot fetch from ${host}: the host name could not be resolved`);
  return addresses;
}

function covers(entry: AllowedHost, address: string): boolean {
  if (!("network" in entry)) return false;
  const ip = ipaddr.process(address);
  return ip.kind() === entry.network[0].kind() && ip.match(entry.network);
}
