/** Who is at the other end of a connection, and who is behind the proxies there. */
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context } from "hono";
import ipaddr from "ipaddr.js";
import { isTrusted } from "./links.ts";

/** The address at the other end of the connection; absent where the app is called without a server, as tests may do. */
export function peerOf(c: Context): string | undefined {
  return c.env !== undefined && "incoming" in (c.env as object) ? getConnInfo(c).remote.address : undefined;
}

/**
 * The address that a request is counted under: the last one in `X-Forwarded-For` that is none of our proxies.
 * Of IPv6 it is the network (/64), since whoever has one address has them all.
 */
export function callerAddress(c: Context, trustedProxies: readonly string[]): string {
  const chain = (c.req.header("x-forwarded-for") ?? "").split(",").map((part) => part.trim()).filter(Boolean);
  let address = peerOf(c);
  while (address !== undefined && isTrusted(address, trustedProxies) && chain.length > 0) {
    address = chain.pop();
  }
  return address !== undefined && ipaddr.isValid(address) ? network(address) : "unknown";
}

function network(address: string): string {
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  return `${parsed.parts.slice(0, 4).map((part) => part.toString(16)).join(":")}::/64`;
}
