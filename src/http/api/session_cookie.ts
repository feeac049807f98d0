/** The cookie of a session of the panel: no script reads it, no other site sends it. */
import { deleteCookie, setCookie } from "hono/cookie";
import type { ApiContext } from "./api_app.ts";

/** Its name. */
export const SESSION_COOKIE = "imgrouter_session";

/** Gives the browser a session. @param expiresAt in ms since the epoch */
export function setSession(c: ApiContext, token: string, expiresAt: number): void {
  setCookie(c, SESSION_COOKIE, token, { ...flags(c), expires: new Date(expiresAt) });
}

/** Takes it away again. */
export function forgetSession(c: ApiContext): void {
  deleteCookie(c, SESSION_COOKIE, flags(c));
}

function flags(c: ApiContext) {
  return { httpOnly: true, sameSite: "Strict", path: "/", secure: c.get("isTls") } as const;
}
