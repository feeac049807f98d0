/** A signed-in admin of a gateway under test. */
import { type GatewayOptions, startGateway, type TestGateway } from "./gateway.ts";

/** The password that `adminOf()` chooses. */
export const ADMIN_PASSWORD = "a long and quiet horse";

/** An admin. */
export interface TestAdmin {
  /** Calls `/api` as the panel does: with the cookie, from the gateway's own origin. Paths start with `/api`. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Sends JSON, by POST unless `init` says otherwise. */
  send(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  /** As it stands in a `Cookie` header. */
  cookie: string;
  /** For `Authorization: Bearer`. */
  token: string;
}

/** Makes the first admin by the one-time token. @throws Error if there is one already */
export async function adminOf(gateway: TestGateway): Promise<TestAdmin> {
  const { setupToken } = gateway.app.sessions;
  if (setupToken === undefined) throw new Error("Cannot set up an admin: there is one");
  const reply = await fetch(`${gateway.url}/api/auth/setup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: setupToken, password: ADMIN_PASSWORD }),
  });
  if (!reply.ok) throw new Error(`Cannot set up an admin: ${await reply.text()}`);
  const { token }: { token: string } = await reply.json();
  return asAdmin(gateway, token);
}

/** A gateway and its admin. */
export interface AdminScene extends TestAdmin, AsyncDisposable {
  gateway: TestGateway;
}

/** Starts a gateway, and makes its first admin. */
export async function startAdmin(options: GatewayOptions = {}): Promise<AdminScene> {
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(await startGateway(options));
  const admin = await adminOf(gateway);
  const held = stack.move();
  return { ...admin, gateway, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

/** Calls with a session that began elsewhere. */
export function asAdmin(gateway: TestGateway, token: string): TestAdmin {
  const cookie = `imgrouter_session=${token}`;
  const call = (path: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    headers.set("cookie", cookie);
    if (!headers.has("origin")) headers.set("origin", gateway.url);
    return fetch(`${gateway.url}${path}`, { ...init, headers });
  };
  return {
    cookie,
    token,
    fetch: call,
    send: (path, body, init = {}) =>
      call(path, {
        method: "POST",
        ...init,
        headers: { "content-type": "application/json", ...init.headers },
        body: JSON.stringify(body),
      }),
  };
}
