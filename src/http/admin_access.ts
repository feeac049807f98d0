/** Whether a request outside of the admin API comes from the admin: their session's cookie, or an API token. */
import { getCookie } from "hono/cookie";
import type { Sessions } from "../admin/sessions.ts";
import { SESSION_COOKIE } from "./api/session_cookie.ts";
import type { EdgeContext } from "./edge.ts";

/** Looks for a session or token that counts. A token in a cookie does not. */
export async function isAdmin(c: EdgeContext, sessions: Pick<Sessions, "find">): Promise<boolean> {
  const bearer = /^bearer\s+(\S+)$/i.exec(c.req.header("authorization")?.trim() ?? "")?.[1];
  if (bearer !== undefined && await sessions.find(bearer)) return true;
  const cookie = getCookie(c, SESSION_COOKIE);
  return cookie !== undefined && (await sessions.find(cookie))?.identity.kind === "session";
}
