/** Results of services that anybody may run, and that may keep their pictures themselves. */
import type { Media } from "../core/media.ts";
import type { Call } from "../core/provider.ts";

/**
 * The image at an address that a reply named, which may be relative to `base`. One at the service's own address is
 * asked for as everything else is there, with the key: the guard before foreign addresses would refuse a service in
 * a network of one's own.
 */
export function imageAt(address: string, call: Call, base = call.baseUrl): Media {
  const url = URL.parse(address, base);
  return url?.origin === new URL(call.baseUrl).origin
    ? call.ownImage(url.href)
    : call.image(url?.href ?? address);
}
