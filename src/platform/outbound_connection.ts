/**
 * Connections that can only end at addresses which were checked before: the name of a URL stays in Host, SNI
 * and certificate, and is never looked up again.
 */
import { connect as connectPlain, isIP, type LookupFunction } from "node:net";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import ipaddr from "ipaddr.js";
import type { buildConnector } from "undici";
import type { Address } from "./outbound_addresses.ts";

/** Makes the connector for one request; it calls back in any case, at the latest when the signal aborts. */
export type ConnectTo = (addresses: Address[], signal: AbortSignal) => buildConnector.connector;

/** Connects to the first of `addresses` that answers. @param tls settings of TLS, such as another `ca` */
export function connectTo(
  addresses: Address[],
  signal: AbortSignal,
  tls: ConnectionOptions = {},
): buildConnector.connector {
  const lookup: LookupFunction = (_hostname, { all }, callback) => {
    if (all) callback(null, addresses);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  };
  return ({ hostname, protocol, port }, callback) => {
    const isTls = protocol === "https:";
    const target = {
      host: hostname,
      port: Number(port || (isTls ? 443 : 80)),
      lookup,
      autoSelectFamily: true,
    };
    const servername = isIP(hostname) ? undefined : hostname;
    const socket = isTls
      ? connectTls({ ...target, servername, ALPNProtocols: ["http/1.1"], ...tls })
      : connectPlain(target);
    const stop = () => socket.destroy(new Error("the connection was given up", { cause: signal.reason }));
    signal.addEventListener("abort", stop, { once: true });
    const fail = (error: Error) => callback(error, null);
    socket.once("error", fail).once(isTls ? "secureConnect" : "connect", () => {
      socket.off("error", fail);
      signal.removeEventListener("abort", stop);
      // Pinning rests on the runtime calling `lookup`; should that ever change, nothing is sent.
      const isChecked = addresses.some(({ address }) => isSame(address, socket.remoteAddress));
      if (isChecked) return callback(null, socket.setNoDelay(true));
      socket.destroy();
      fail(new Error("the connection ended at an address that was not checked"));
    });
  };
}

function isSame(checked: string, remote: string | undefined): boolean {
  return remote !== undefined && ipaddr.process(checked).toString() === ipaddr.process(remote).toString();
}
