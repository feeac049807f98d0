/** Logging in and out. The session itself is a cookie that no script can read. */
import { api, call } from "./api.ts";
import { needsSetup, session } from "./session_state.ts";

export { needsSetup, session } from "./session_state.ts";

/** Asks the gateway whether there is a session. */
export async function findSession(): Promise<void> {
  const { authenticated, needsSetup: isNew } = await call(api.auth.session.$get());
  needsSetup.value = isNew;
  session.value = authenticated ? "in" : "out";
}

/** @throws ApiError 401 where the password is wrong, 429 after too many tries */
export async function logIn(password: string): Promise<void> {
  await call(api.auth.login.$post({ json: { password } }));
  session.value = "in";
}

/** Chooses the password of a new gateway. @param token of the link that it printed when it started */
export async function setUp(token: string, password: string): Promise<void> {
  await call(api.auth.setup.$post({ json: { token, password } }));
  session.value = "in";
}

/** Ends the session, also at the gateway. */
export async function logOut(): Promise<void> {
  await call(api.auth.logout.$post());
  session.value = "out";
}
