/** Every place that looks at a password or one-time token counts attempts together, and answers alike. */
import { logger } from "../../log/log.ts";
import { HttpFault } from "../errors.ts";
import type { Admin } from "./admin.ts";
import type { ApiContext } from "./api_app.ts";

const log = logger("admin");

/**
 * Counts an attempt and makes it. Gives what the check gives.
 * @param refuse makes what is thrown where the check says no. @throws HttpFault 429 after too many
 */
export async function attempt<T>(
  c: ApiContext,
  { loginLimit }: Pick<Admin, "loginLimit">,
  check: () => Promise<T | undefined | false>,
  refuse: () => HttpFault,
): Promise<T> {
  const address = c.get("address");
  const waitMs = await loginLimit.attempt(address);
  if (waitMs !== undefined) {
    throw new HttpFault(429, {
      message: "Too many wrong attempts; try again later",
      code: "too_many_attempts",
    }, { "retry-after": String(Math.ceil(waitMs / 1000)) });
  }
  const result = await check();
  if (result === undefined || result === false) {
    log.warn("A wrong password or set-up token came from {address}", { address });
    throw refuse();
  }
  await loginLimit.succeeded(address);
  return result;
}

/** For what a session alone is not enough, such as showing secrets. @throws HttpFault 400 or 429 */
export async function confirmPassword(c: ApiContext, admin: Admin, password: string): Promise<void> {
  await attempt(
    c,
    admin,
    () => admin.sessions.isPassword(password),
    () => new HttpFault(400, { message: "The password is wrong", code: "wrong_password", param: "password" }),
  );
}
