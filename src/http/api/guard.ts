/** What stands before every route of the admin API: who asks, from which site, and how much they send. */
import { getCookie } from "hono/cookie";
import type { Identity } from "../../admin/sessions.ts";
import { HttpFault } from "../errors.ts";
import { limitedBody } from "../limited_body.ts";
import { publicBase } from "../links.ts";
import { callerAddress, peerOf } from "../peer.ts";
import type { Admin } from "./admin.ts";
import type { ApiContext } from "./api_app.ts";
import { forgetSession, SESSION_COOKIE, setSession } from "./session_cookie.ts";

/** Routes that need no session; the path is relative to `/api`. */
const OPEN_ROUTES = ["POST /auth/login", "POST /auth/setup", "GET /auth/session"];
/** What somebody without a session may send, in bytes. */
const OPEN_BODY = 16_384;
/** Who asks on these routes when nobody signed in. */
const NOBODY: Identity = { id: "", kind: "session", name: "nobody" };
const SAFE = ["GET", "HEAD"];

/** Refuses whoever has no session or token, writes from other sites, and bodies that are too large. */
export function guard(admin: Admin) {
  return async function guard(c: ApiContext, next: () => Promise<void>): Promise<void> {
    c.header("cache-control", "no-store");
    const { trustedProxies } = admin.settings.current.system;
    c.set("address", callerAddress(c, trustedProxies));
    c.set("isTls", cameByTls(c, trustedProxies));
    const bearer = bearerOf(c);
    if (bearer === undefined && !SAFE.includes(c.req.method)) refuseOtherSites(c);
    const identity = await identify(c, admin, bearer);
    const isOpen = OPEN_ROUTES.includes(`${c.req.method} ${c.req.path.replace(/^\/api/, "")}`);
    c.set("admin", identity ?? NOBODY);
    if (!identity && !isOpen) throw signedOut();
    await limitBody(c, identity ? admin.settings.current.system.maxBodySize : OPEN_BODY);
    await next();
  };
}

/** The token in the `Authorization` header. */
export function bearerOf(c: ApiContext): string | undefined {
  return /^bearer\s+(\S+)$/i.exec(c.req.header("authorization")?.trim() ?? "")?.[1];
}

async function identify(
  c: ApiContext,
  { sessions }: Admin,
  bearer: string | undefined,
): Promise<Identity | undefined> {
  const token = bearer ?? getCookie(c, SESSION_COOKIE);
  if (token === undefined) return undefined;
  const found = await sessions.find(token);
  if (bearer === undefined) {
    if (!found) forgetSession(c);
    // A token in a cookie would make a browser send what was made for scripts.
    else if (found.identity.kind === "token") return undefined;
    else if (found.renewed && found.identity.expiresAt) setSession(c, token, found.identity.expiresAt);
  }
  return found?.identity;
}

/**
 * A browser says from where a write comes; a page of ours also says JSON, which a form of another site can't.
 * Who sends a token in a header needs no such proof: no browser adds that by itself.
 * @throws HttpFault 403
 */
function refuseOtherSites(c: ApiContext): void {
  const site = c.req.header("sec-fetch-site");
  const origin = c.req.header("origin");
  const isOurs = site !== undefined ? site === "same-origin" : origin !== undefined && isOwnOrigin(c, origin);
  const isScript = site === undefined && origin === undefined && getCookie(c, SESSION_COOKIE) === undefined;
  if (!isOurs && !isScript) {
    throw new HttpFault(403, {
      message: "This write came from another site, or did not say where from; " +
        "send an 'Origin' header that names this gateway, or a token as 'Authorization: Bearer'",
      code: "cross_site",
    });
  }
  const type = c.req.header("content-type");
  const hasBody = c.req.header("transfer-encoding") !== undefined ||
    Number(c.req.header("content-length") ?? 0) > 0;
  if ((type !== undefined || hasBody) && !/^application\/json\s*(;|$)/i.test(type ?? "")) {
    throw new HttpFault(415, {
      message: "The body must be JSON: send 'content-type: application/json'",
      code: "not_json",
    });
  }
}

/** Lets no route read more than `maxBytes`. @throws HttpFault 413 */
async function limitBody(c: ApiContext, maxBytes: number): Promise<void> {
  const { raw } = c.req;
  const body = limitedBody(raw, maxBytes);
  if (!body || !raw.headers.has("transfer-encoding") || SAFE.includes(raw.method)) return;
  // Only its end tells how long it is; read by the route, one that is too long would look like broken JSON.
  const { method, headers, signal } = raw;
  c.req.raw = new Request(raw.url, { method, headers, signal, body: await new Response(body).bytes() });
}

/** The port counts: whoever may use another port of this host is another site. */
function isOwnOrigin(c: ApiContext, origin: string): boolean {
  if (!URL.canParse(origin)) return false;
  return [c.req.url, c.get("base")].some((url) => new URL(url).host === new URL(origin).host);
}

/** By its own headers, or by the operator's word for this very host: proxies are often not configured as trusted. */
function cameByTls(c: ApiContext, trustedProxies: readonly string[]): boolean {
  const reached = publicBase(c.req.raw, peerOf(c), { trustedProxies });
  const base = new URL(c.get("base"));
  return reached.startsWith("https:") ||
    base.protocol === "https:" && base.host === new URL(c.req.url).host;
}

function signedOut(): HttpFault {
  return new HttpFault(401, {
    message:
      "Sign in first: POST /api/auth/login gives a session; scripts send a token as 'Authorization: Bearer'",
    code: "signed_out",
  }, { "www-authenticate": "Bearer" });
}
