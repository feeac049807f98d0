/** Signing in and out, the first set-up, the password, and tokens for scripts. */
import { createRoute, z } from "@hono/zod-openapi";
import { LONGEST_PASSWORD, SHORTEST_PASSWORD } from "../../admin/password.ts";
import type { Opened } from "../../admin/sessions.ts";
import { HttpFault } from "../errors.ts";
import type { Admin } from "./admin.ts";
import {
  type ApiContext,
  badField,
  errors,
  isoTime,
  json,
  jsonBody,
  listingOf,
  newApi,
  noSuch,
  Time,
} from "./api_app.ts";
import { attempt } from "./password_attempt.ts";
import { forgetSession, setSession } from "./session_cookie.ts";

const tags = ["Admin: sign in"];
const Password = z.string().max(LONGEST_PASSWORD);
const NewPassword = Password.min(SHORTEST_PASSWORD, `A password has ${SHORTEST_PASSWORD} characters or more`);
const SignedIn = z.object({ token: z.string(), expiresAt: Time }).openapi("SignedIn");
const signedIn = json(SignedIn, "Signed in; the cookie holds the same token.");
const done = { 204: { description: "Done." } };

const setup = createRoute({
  method: "post",
  path: "/auth/setup",
  tags,
  summary: "Choose the first password, by the one-time link that the start printed",
  security: [],
  request: jsonBody(z.object({ token: z.string().max(200), password: NewPassword })),
  responses: { 200: signedIn, ...errors(400, 401, 403, 409, 429) },
});

const login = createRoute({
  method: "post",
  path: "/auth/login",
  tags,
  summary: "Sign in",
  security: [],
  request: jsonBody(z.object({ password: Password })),
  responses: { 200: signedIn, ...errors(400, 401, 403, 429) },
});

const logout = createRoute({
  method: "post",
  path: "/auth/logout",
  tags,
  summary: "Sign out; the token is dead afterwards",
  responses: { ...done, ...errors(401) },
});

const session = createRoute({
  method: "get",
  path: "/auth/session",
  tags,
  summary: "Whether the caller is signed in",
  security: [],
  responses: {
    200: json(
      z.object({
        authenticated: z.boolean(),
        expiresAt: Time.nullable(),
        needsSetup: z.boolean(),
        passwordFixed: z.boolean().optional(),
      }).openapi("Session"),
      "`needsSetup` where there is no admin yet; `passwordFixed` where ADMIN_PASSWORD sets the password.",
    ),
  },
});

const password = createRoute({
  method: "post",
  path: "/auth/password",
  tags,
  summary: "Change the password; other sessions end",
  request: jsonBody(z.object({ old: Password, new: NewPassword })),
  responses: { ...done, ...errors(400, 401, 409, 429) },
});

const Token = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: Time,
  expiresAt: Time.nullable(),
  usedAt: Time.nullable(),
}).openapi("ApiToken");

const tokens = createRoute({
  method: "get",
  path: "/auth/tokens",
  tags,
  summary: "Tokens for scripts",
  responses: { 200: json(listingOf(Token), "All of them, oldest first."), ...errors(401) },
});

const createToken = createRoute({
  method: "post",
  path: "/auth/tokens",
  tags,
  summary: "Make a token for scripts",
  request: jsonBody(
    z.object({ name: z.string().trim().min(1).max(100), expiresAt: Time.nullish() }),
  ),
  responses: {
    200: json(
      z.object({ id: z.string(), name: z.string(), token: z.string() }),
      "The token is told only here.",
    ),
    ...errors(400, 401),
  },
});

const deleteToken = createRoute({
  method: "delete",
  path: "/auth/tokens/{id}",
  tags,
  summary: "Revoke a token",
  request: { params: z.object({ id: z.string() }) },
  responses: { ...done, ...errors(401, 404) },
});

/** The routes of signing in. */
export function authRoutes(admin: Admin) {
  const { sessions, audit, clock } = admin;

  function welcome(c: ApiContext, { token, expiresAt }: Opened) {
    setSession(c, token, expiresAt);
    return { token, expiresAt: isoTime(expiresAt) };
  }

  return newApi()
    .openapi(setup, async (c) => {
      const { token, password } = c.req.valid("json");
      if (sessions.setupToken === undefined) {
        throw new HttpFault(409, {
          message: "There is an admin already; sign in with the password",
          code: "already_set_up",
        });
      }
      const opened = await attempt(c, admin, () => sessions.setUp(token, password), wrongSetup);
      await audit.write({ action: "auth.setup", target: "admin", who: "admin" });
      return c.json(welcome(c, opened), 200);
    })
    .openapi(login, async (c) => {
      const { password } = c.req.valid("json");
      return c.json(welcome(c, await attempt(c, admin, () => sessions.logIn(password), wrongPassword)), 200);
    })
    .openapi(logout, async (c) => {
      await sessions.end(c.get("admin").id);
      admin.live.publish({ type: "sessions" });
      forgetSession(c);
      return c.body(null, 204);
    })
    .openapi(session, (c) => {
      const { id, expiresAt } = c.get("admin");
      const authenticated = id !== "";
      return c.json({
        authenticated,
        expiresAt: expiresAt === undefined ? null : isoTime(expiresAt),
        needsSetup: sessions.setupToken !== undefined,
        passwordFixed: authenticated ? sessions.isPasswordFixed : undefined,
      }, 200);
    })
    .openapi(password, async (c) => {
      const { old: from, new: to } = c.req.valid("json");
      if (sessions.isPasswordFixed) {
        throw new HttpFault(409, {
          message: "ADMIN_PASSWORD sets the password; change it there and start again",
          code: "fixed_by_environment",
          param: "new",
        });
      }
      const { id: keep, name: who } = c.get("admin");
      await attempt(c, admin, () => sessions.changePassword({ from, to, keep }), wrongOldPassword);
      admin.live.publish({ type: "sessions" });
      await audit.write({ action: "auth.password", target: "admin", who });
      return c.body(null, 204);
    })
    .openapi(tokens, async (c) => {
      const iso = (ms: number | undefined) => ms === undefined ? null : isoTime(ms);
      const data = (await sessions.tokens()).map((token) => ({
        ...token,
        createdAt: isoTime(token.createdAt),
        expiresAt: iso(token.expiresAt),
        usedAt: iso(token.usedAt),
      }));
      return c.json({ data }, 200);
    })
    .openapi(createToken, async (c) => {
      const { name, expiresAt } = c.req.valid("json");
      const end = expiresAt ? Date.parse(expiresAt) : undefined;
      if (end !== undefined && end <= clock.now()) throw badField("expiresAt", "This time has passed");
      const made = await sessions.createToken({ name, expiresAt: end });
      await audit.write({
        action: "auth.token.create",
        target: name,
        detail: { id: made.id, expiresAt },
        who: c.get("admin").name,
      });
      return c.json({ ...made, name }, 200);
    })
    .openapi(deleteToken, async (c) => {
      const { id } = c.req.valid("param");
      const name = (await sessions.tokens()).find((token) => token.id === id)?.name;
      if (name === undefined || !await sessions.end(id, "token")) throw noSuch("token");
      admin.live.publish({ type: "sessions" });
      await audit.write({
        action: "auth.token.delete",
        target: name,
        detail: { id },
        who: c.get("admin").name,
      });
      return c.body(null, 204);
    });
}

function wrongSetup(): HttpFault {
  return new HttpFault(401, {
    message:
      "This link was used or is not of this start; the newest one was printed when the gateway started",
    code: "wrong_setup_token",
    param: "token",
  });
}

function wrongPassword(): HttpFault {
  return new HttpFault(401, { message: "Wrong password", code: "wrong_password", param: "password" });
}

function wrongOldPassword(): HttpFault {
  return new HttpFault(400, { message: "The old password is wrong", code: "wrong_password", param: "old" });
}
