/** Who gets into the admin API: the first admin, logins, tokens, and everybody who must stay outside. */
import assert from "node:assert/strict";
import { SignJWT } from "jose";
import { ADMIN_PASSWORD, adminOf, asAdmin } from "../src/testing/admin.ts";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { startGateway, type TestGateway } from "../src/testing/gateway.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const OTHER_PASSWORD = "another quiet old horse";
/** Routes that somebody without a session may use. */
const OPEN = ["POST /api/auth/login", "POST /api/auth/setup", "GET /api/auth/session"];

function post(gateway: TestGateway, path: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${gateway.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

const logIn = (gateway: TestGateway, password: string, headers?: Record<string, string>) =>
  post(gateway, "/api/auth/login", { password }, headers);

/** Checks the status and the one shape of errors; gives the code. */
async function refused(response: Response, status: number): Promise<string> {
  const body = await response.json();
  assert.equal(response.status, status, JSON.stringify(body));
  assert.deepEqual(Object.keys(body), ["error"]);
  assert.deepEqual(Object.keys(body.error).sort(), ["code", "message", "param"]);
  assert.ok(body.error.message.length > 10);
  return body.error.code;
}

async function statusOf(response: Response | Promise<Response>): Promise<number> {
  const { status, body } = await response;
  await body?.cancel();
  return status;
}

const withToken = (gateway: TestGateway, token: string, path = "/api/audit") =>
  fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${token}` } });

Deno.test("every route of the admin API refuses a call without a session", async () => {
  await using gateway = await startGateway();
  const routes = (await gateway.app.routes()).filter(({ method, path }) =>
    path.startsWith("/api") && method !== "ALL"
  )
    .map(({ method, path }) => `${method} ${path}`);
  const guarded = [...new Set(routes)].filter((route) => !OPEN.includes(route));
  assert.ok(guarded.length >= 15, guarded.join("\n"));
  assert.deepEqual(OPEN.filter((route) => !routes.includes(route)), []);
  for (const route of guarded) {
    const [method = "", path = ""] = route.split(" ");
    const response = await fetch(gateway.url + path.replace(/:\w+(\{.*?\})?/g, "x"), {
      method,
      headers: { "content-type": "application/json" },
      body: method === "GET" ? undefined : "{}",
    });
    assert.equal(response.headers.get("cache-control"), "no-store", route);
    assert.equal(await refused(response, 401), "signed_out", route);
  }
  assert.equal(await refused(await fetch(`${gateway.url}/api/nothing-here`), 401), "signed_out");
});

Deno.test("the one-time link makes the first admin, once", async () => {
  await using gateway = await startGateway();
  const token = gateway.app.sessions.setupToken ?? "";
  assert.match(token, /^[\w-]{43}$/, "256 bits");
  const session = await (await fetch(`${gateway.url}/api/auth/session`)).json();
  assert.deepEqual(session, { authenticated: false, expiresAt: null, needsSetup: true });

  const setUp = (body: unknown) => post(gateway, "/api/auth/setup", body);
  assert.equal(
    await refused(await setUp({ token: `${token.slice(0, -1)}!`, password: ADMIN_PASSWORD }), 401),
    "wrong_setup_token",
  );
  await refused(await setUp({ token, password: "too short" }), 400);
  const replies = await Promise.all([1, 2, 3].map(() => setUp({ token, password: ADMIN_PASSWORD })));
  assert.equal(replies.filter(({ status }) => status === 200).length, 1, "three at once are one admin");
  await Promise.all(replies.map((reply) => reply.body?.cancel()));
  assert.equal(gateway.app.sessions.setupToken, undefined);
  assert.equal(await refused(await setUp({ token, password: OTHER_PASSWORD }), 409), "already_set_up");
  assert.equal(await statusOf(logIn(gateway, ADMIN_PASSWORD)), 200);
  assert.equal(await statusOf(logIn(gateway, OTHER_PASSWORD)), 401);
});

Deno.test("a start with an admin makes no link, and the password holds after it", async () => {
  await using gateway = await startGateway();
  const { token } = await adminOf(gateway);
  await gateway.stop();
  await using again = await startGateway({ dataDir: gateway.dataDir });
  assert.equal(again.app.sessions.setupToken, undefined);
  assert.equal(await statusOf(withToken(again, token)), 200, "sessions outlive a restart");
  assert.equal(await statusOf(logIn(again, ADMIN_PASSWORD)), 200);
});

Deno.test("ADMIN_PASSWORD is the password, also from a file, and can't be changed elsewhere", async () => {
  await using gateway = await startGateway();
  const { token } = await adminOf(gateway);
  await gateway.stop();
  const file = `${gateway.dataDir}/password.txt`;
  await Deno.writeTextFile(file, `${OTHER_PASSWORD}\n`);
  await using fixed = await startGateway({ dataDir: gateway.dataDir, env: { ADMIN_PASSWORD_FILE: file } });
  assert.equal(fixed.app.sessions.setupToken, undefined);
  assert.equal(await statusOf(withToken(fixed, token)), 401, "sessions of the former password have ended");
  assert.equal(await statusOf(logIn(fixed, ADMIN_PASSWORD)), 401);
  const login = await logIn(fixed, OTHER_PASSWORD);
  const admin = asAdmin(fixed, (await login.json()).token);
  const session = await (await admin.fetch("/api/auth/session")).json();
  assert.equal(session.passwordFixed, true);
  const change = await admin.send("/api/auth/password", { old: OTHER_PASSWORD, new: ADMIN_PASSWORD });
  assert.equal(await refused(change, 409), "fixed_by_environment");
});

Deno.test("an ADMIN_PASSWORD that is too short is a fault of the start and is not shown", async () => {
  await assert.rejects(startGateway({ env: { ADMIN_PASSWORD: "hunter2" } }), (error: Error) => {
    assert.match(error.message, /ADMIN_PASSWORD/);
    assert.match(error.message, /12 to 1024 characters/);
    assert.doesNotMatch(error.message, /hunter2/);
    return true;
  });
});

Deno.test("a login gives a cookie that no script reads and no other site sends", async () => {
  await using gateway = await startGateway({ env: { TRUSTED_PROXIES: "127.0.0.1" } });
  await adminOf(gateway);
  const plain = await logIn(gateway, ADMIN_PASSWORD);
  const { token, expiresAt } = await plain.json();
  const cookie = plain.headers.get("set-cookie") ?? "";
  assert.ok(cookie.startsWith(`imgrouter_session=${token}; `), cookie);
  for (const flag of ["HttpOnly", "SameSite=Strict", "Path=/"]) assert.ok(cookie.includes(flag), flag);
  assert.doesNotMatch(cookie, /Secure/);
  assert.ok(Math.abs(Date.parse(expiresAt) - Date.now() - 7 * DAY) < MINUTE);

  const behindTls = await logIn(gateway, ADMIN_PASSWORD, { "x-forwarded-proto": "https" });
  assert.match(behindTls.headers.get("set-cookie") ?? "", /; Secure/);
  await behindTls.body?.cancel();
});

Deno.test("a forwarded https from somebody who is no proxy of ours is not believed", async () => {
  await using gateway = await startGateway();
  await adminOf(gateway);
  const login = await logIn(gateway, ADMIN_PASSWORD, { "x-forwarded-proto": "https" });
  assert.doesNotMatch(login.headers.get("set-cookie") ?? "", /Secure/);
  await login.body?.cancel();
});

Deno.test("logging out kills the token", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  assert.equal(await statusOf(admin.fetch("/api/audit")), 200);
  const out = await admin.fetch("/api/auth/logout", { method: "POST" });
  assert.equal(out.status, 204);
  assert.match(out.headers.get("set-cookie") ?? "", /imgrouter_session=;.*Max-Age=0/);
  assert.equal(await statusOf(admin.fetch("/api/audit")), 401);
  assert.equal(await statusOf(withToken(gateway, admin.token)), 401);
  assert.equal((await (await admin.fetch("/api/auth/session")).json()).authenticated, false);
});

Deno.test("a session that is used gets its cookie anew, and ends seven days after its last use", async () => {
  const clock = new FakeClock();
  await using gateway = await startGateway({ clock });
  const admin = await adminOf(gateway);
  await clock.pass(6 * DAY);
  const reply = await admin.fetch("/api/auth/session");
  assert.ok(reply.headers.get("set-cookie")?.startsWith(`${admin.cookie}; `));
  assert.equal(Date.parse((await reply.json()).expiresAt), clock.now() + 7 * DAY);
  await clock.pass(6 * DAY);
  assert.equal(await statusOf(admin.fetch("/api/audit")), 200);
  await clock.pass(7 * DAY);
  assert.equal(await statusOf(admin.fetch("/api/audit")), 401);
});

Deno.test("a token that was altered, signed by somebody else or not at all is refused", async () => {
  await using gateway = await startGateway();
  const { token } = await adminOf(gateway);
  const [head = "", payload = "", signature = ""] = token.split(".");
  const encode = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value)).toBase64({ alphabet: "base64url", omitPadding: true });
  const claims = JSON.parse(
    new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" })),
  );
  const forged = await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(
    new Uint8Array(32).fill(7),
  );
  const hostile = {
    "another signature": `${head}.${payload}.${signature.startsWith("A") ? "B" : "A"}${signature.slice(1)}`,
    "other claims": `${head}.${encode({ ...claims, jti: crypto.randomUUID() })}.${signature}`,
    "another key": forged,
    "alg none": `${encode({ alg: "none", typ: "JWT" })}.${payload}.`,
    "alg none, signed": `${encode({ alg: "none" })}.${payload}.${signature}`,
    "no signature": `${head}.${payload}.`,
    "the id alone": claims.jti,
    "nothing": "x",
    "very long": "x".repeat(5000),
  };
  for (const [what, one] of Object.entries(hostile)) {
    assert.equal(await refused(await withToken(gateway, one), 401), "signed_out", what);
    assert.equal(await statusOf(asAdmin(gateway, one).fetch("/api/audit")), 401, `${what}, as a cookie`);
  }
  assert.equal(await statusOf(withToken(gateway, token)), 200);
});

Deno.test("tokens for scripts work until they end or are revoked, and are told once", async () => {
  const clock = new FakeClock();
  await using gateway = await startGateway({ clock });
  const admin = await adminOf(gateway);
  const expiresAt = new Date(clock.now() + DAY).toISOString();
  const made = await (await admin.send("/api/auth/tokens", { name: "nightly", expiresAt })).json();
  await clock.pass(1);
  const lasting = await (await admin.send("/api/auth/tokens", { name: "forever" })).json();
  assert.deepEqual(Object.keys(made).sort(), ["id", "name", "token"]);
  assert.equal(await statusOf(withToken(gateway, made.token)), 200);

  const list = await (await admin.fetch("/api/auth/tokens")).text();
  assert.ok(!list.includes(made.token) && !list.includes("eyJ"), list);
  assert.deepEqual(
    JSON.parse(list).data.map((
      { name, expiresAt }: { name: string; expiresAt: string },
    ) => [name, expiresAt]),
    [["nightly", expiresAt], ["forever", null]],
  );

  await clock.pass(DAY);
  assert.equal(await statusOf(withToken(gateway, made.token)), 401, "it has ended");
  assert.equal(await statusOf(withToken(gateway, lasting.token)), 200);
  assert.equal(await statusOf(admin.fetch(`/api/auth/tokens/${lasting.id}`, { method: "DELETE" })), 204);
  assert.equal(await statusOf(withToken(gateway, lasting.token)), 401, "it was revoked");
  assert.equal(
    await refused(await admin.fetch("/api/auth/tokens/x", { method: "DELETE" }), 404),
    "not_found",
  );
  const past = await admin.send("/api/auth/tokens", { name: "late", expiresAt: new Date(0).toISOString() });
  await refused(past, 400);
});

Deno.test("a token for scripts is no cookie", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  const { token } = await (await admin.send("/api/auth/tokens", { name: "script" })).json();
  assert.equal(await statusOf(asAdmin(gateway, token).fetch("/api/audit")), 401);
});

Deno.test("a wrong password is limited for each address, and the right one has to wait as well", async () => {
  const clock = new FakeClock();
  await using gateway = await startGateway({ clock, env: { TRUSTED_PROXIES: "127.0.0.1" } });
  await adminOf(gateway);
  const from = (address: string, password: string) =>
    logIn(gateway, password, { "x-forwarded-for": address });
  for (let i = 0; i < 10; i++) {
    assert.equal(await refused(await from("203.0.113.7", `wrong ${i}`), 401), "wrong_password");
  }
  const blocked = await from("203.0.113.7", ADMIN_PASSWORD);
  const seconds = Number(blocked.headers.get("retry-after"));
  assert.ok(seconds > 0 && seconds <= 900, `${seconds}`);
  assert.equal(await refused(blocked, 429), "too_many_attempts");
  assert.equal(await statusOf(from("198.51.100.1", ADMIN_PASSWORD)), 200, "others are not in the way");
  assert.equal(
    await statusOf(from("198.51.100.9, 203.0.113.7", ADMIN_PASSWORD)),
    429,
    "an invented chain is no way",
  );
  await clock.pass(seconds * 1000);
  assert.equal(await statusOf(from("203.0.113.7", ADMIN_PASSWORD)), 200);
});

Deno.test("wrong old passwords and wrong set-up tokens count like wrong logins", async () => {
  await using gateway = await startGateway({ clock: new FakeClock() });
  for (let i = 0; i < 3; i++) {
    await refused(await post(gateway, "/api/auth/setup", { token: "x", password: ADMIN_PASSWORD }), 401);
  }
  const admin = await adminOf(gateway);
  for (let i = 0; i < 10; i++) {
    const change = await admin.send("/api/auth/password", { old: "wrong", new: OTHER_PASSWORD });
    assert.equal(await refused(change, 400), "wrong_password");
  }
  assert.equal(await refused(await logIn(gateway, ADMIN_PASSWORD), 429), "too_many_attempts");
});

Deno.test("a new password ends the other sessions", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  const { token: other } = await (await logIn(gateway, ADMIN_PASSWORD)).json();
  const short = await admin.send("/api/auth/password", { old: ADMIN_PASSWORD, new: "short" });
  assert.equal((await short.json()).error.param, "new");
  const change = await admin.send("/api/auth/password", { old: ADMIN_PASSWORD, new: OTHER_PASSWORD });
  assert.equal(await statusOf(change), 204);
  assert.equal(await statusOf(withToken(gateway, other)), 401);
  assert.equal(await statusOf(admin.fetch("/api/audit")), 200);
  assert.equal(await statusOf(logIn(gateway, ADMIN_PASSWORD)), 401);
  assert.equal(await statusOf(logIn(gateway, OTHER_PASSWORD)), 200);
});

Deno.test("a write by cookie must come from a page of ours, as JSON; scripts with a token need neither", async () => {
  await using gateway = await startGateway();
  const { cookie, token } = await adminOf(gateway);
  const write = (headers: Record<string, string>, body = JSON.stringify({ name: "t" })) =>
    fetch(`${gateway.url}/api/auth/tokens`, { method: "POST", body, headers });
  const ours = { cookie, origin: gateway.url };
  const asJson = { "content-type": "application/json" };
  const { port } = new URL(gateway.url);
  const foreign: Record<string, string>[] = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: `http://127.0.0.1:${Number(port) === 65535 ? 1 : Number(port) + 1}` },
    { origin: gateway.url, "sec-fetch-site": "cross-site" },
    { origin: gateway.url, "sec-fetch-site": "same-site" },
    {},
  ];
  for (const headers of foreign) {
    assert.equal(
      await refused(await write({ cookie, ...asJson, ...headers }), 403),
      "cross_site",
      JSON.stringify(headers),
    );
  }
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
    assert.equal(await refused(await write({ ...ours, "content-type": type }), 415), "not_json", type);
  }
  assert.equal(await statusOf(write({ ...ours, ...asJson })), 200);
  assert.equal(await statusOf(write({ cookie, "sec-fetch-site": "same-origin", ...asJson })), 200);
  const bearer = { authorization: `Bearer ${token}`, ...asJson };
  assert.equal(await statusOf(write(bearer)), 200);
  assert.equal(await statusOf(write({ ...bearer, origin: "https://evil.example" })), 200);
  const login = await logIn(gateway, ADMIN_PASSWORD, { origin: "https://evil.example" });
  assert.equal(await refused(login, 403), "cross_site", "nobody is signed in by another site");
});

Deno.test("no page of another origin reads the admin API", async () => {
  await using gateway = await startGateway();
  const { token } = await adminOf(gateway);
  const origin = "https://evil.example";
  const reply = await fetch(`${gateway.url}/api/audit`, {
    headers: { authorization: `Bearer ${token}`, origin },
  });
  const preflight = await fetch(`${gateway.url}/api/audit`, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "GET" },
  });
  for (const { headers } of [reply, preflight]) {
    assert.equal([...headers.keys()].some((name) => name.startsWith("access-control-")), false);
  }
  await reply.body?.cancel();
  assert.ok(await statusOf(preflight) >= 400);
  const open = await fetch(`${gateway.url}/v1/models`, { headers: { origin } });
  assert.equal(open.headers.get("access-control-allow-origin"), "*", "the client API is another matter");
  await open.body?.cancel();
});

Deno.test("bad input is refused with the field that is wrong", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  const cases: [path: string, body: unknown, param: string][] = [
    ["/api/auth/login", { password: 5 }, "password"],
    ["/api/auth/login", { password: "x".repeat(2000) }, "password"],
    ["/api/auth/tokens", { name: "  " }, "name"],
    ["/api/auth/tokens", { name: "t", expiresAt: "tomorrow" }, "expiresAt"],
  ];
  for (const [path, body, param] of cases) {
    const reply = await admin.send(path, body);
    assert.equal((await reply.clone().json()).error.param, param);
    await refused(reply, 400);
  }
  const broken = await admin.fetch("/api/auth/tokens", {
    method: "POST",
    body: "{",
    headers: { "content-type": "application/json" },
  });
  await refused(broken, 400);
  assert.equal(await refused(await logIn(gateway, "x".repeat(20_000)), 413), "body_too_large");
  const endless = ReadableStream.from(Array.from({ length: 18 }, () => new Uint8Array(1000)));
  const streamed = await fetch(`${gateway.url}/api/auth/login`, {
    method: "POST",
    body: endless,
    headers: { "content-type": "application/json" },
  });
  assert.equal(await refused(streamed, 413), "body_too_large");
  await refused(await admin.fetch("/api/audit?after=nonsense"), 400);
  await refused(await admin.fetch("/api/nothing-here"), 404);
});

Deno.test("changes are in the audit trail with who made them, newest first, by pages", async () => {
  await using gateway = await startGateway();
  const admin = await adminOf(gateway);
  const { token } = await (await admin.send("/api/auth/tokens", { name: "deployer" })).json();
  for (const name of ["one", "two", "three"]) {
    const made = await fetch(`${gateway.url}/api/auth/tokens`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ name }),
    });
    assert.equal(await statusOf(made), 200);
  }
  const seen: string[] = [];
  let next: string | undefined = "";
  while (next !== undefined) {
    const page: { data: { who: string; action: string; target: string; time: string }[]; next?: string } =
      await (await admin.fetch(`/api/audit?limit=2${next && `&after=${next}`}`)).json();
    assert.ok(page.data.length <= 2);
    seen.push(...page.data.map(({ who, action, target }) => `${who} ${action} ${target}`));
    next = page.next;
  }
  assert.deepEqual(seen, [
    "deployer auth.token.create three",
    "deployer auth.token.create two",
    "deployer auth.token.create one",
    "admin auth.token.create deployer",
    "admin auth.setup admin",
  ]);
  const found = await (await admin.fetch("/api/audit?q=TWO")).json();
  assert.equal(found.data.length, 1);
  assert.equal((await (await admin.fetch("/api/audit?q=%25")).json()).data.length, 0);
});

Deno.test("the documents describe each route of the admin API and how to get in", async () => {
  await using gateway = await startGateway();
  const { paths, components } = await (await fetch(`${gateway.url}/openapi.json`)).json();
  const described = Object.entries(paths as Record<string, Record<string, { security?: object[] }>>)
    .filter(([path]) => path.startsWith("/api"))
    .flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { security }]) => ({
        route: `${method.toUpperCase()} ${path}`,
        isOpen: security?.length === 0,
      }))
    );
  const running = (await gateway.app.routes()).filter(({ method, path }) =>
    path.startsWith("/api") && method !== "ALL"
  )
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)(\{.*?\})?/g, "{$1}")}`);
  assert.deepEqual(new Set(described.map(({ route }) => route)), new Set(running));
  assert.deepEqual(
    described.filter(({ isOpen }) => isOpen).map(({ route }) => route).sort(),
    [...OPEN].sort(),
  );
  assert.deepEqual(
    [components.securitySchemes.adminToken.scheme, components.securitySchemes.adminSession.in],
    [
      "bearer",
      "cookie",
    ],
  );
});
