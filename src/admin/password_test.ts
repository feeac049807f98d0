import assert from "node:assert/strict";
import { checkPassword, hashPassword } from "./password.ts";

Deno.test("a password is known again, and no other is taken for it", async () => {
  const stored = await hashPassword("correct horse é");
  assert.equal(await checkPassword("correct horse é", stored), true);
  assert.equal(await checkPassword("correct horse e\u0301", stored), true, "spelled otherwise in Unicode");
  assert.equal(await checkPassword("correct horse e", stored), false);
  assert.equal(await checkPassword("", stored), false);
});

Deno.test("what is stored tells how it was made, not of what, and is never the same twice", async () => {
  const [one, two] = await Promise.all([hashPassword("the same words"), hashPassword("the same words")]);
  assert.notEqual(one, two);
  assert.match(one, /^scrypt\$65536\$8\$2\$[\w-]{22}\$[\w-]{43}$/);
});

Deno.test("hashes made with other parameters still hold", async () => {
  const stored = "scrypt$1024$8$1$c29tZSBzYWx0IGhlcmU$mhBQWpZWDjB_mKchxPAGPCgc5GP0zsD6FdGRKNJ_Wuw";
  assert.equal(await checkPassword("an older password", stored), true);
  assert.equal(await checkPassword("an older passwort", stored), false);
});

Deno.test("without an admin no password is right", async () => {
  assert.equal(await checkPassword("", undefined), false);
  assert.equal(await checkPassword("anything", undefined), false);
});

Deno.test("a damaged hash is an error, and asks for no memory", async () => {
  for (const damaged of ["", "plain", "scrypt$99999999$8$1$c29tZSBzYWx0IGhlcmU$AAAA"]) {
    await assert.rejects(checkPassword("x", damaged), /damaged/);
  }
});
