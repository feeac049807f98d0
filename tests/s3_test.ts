/** Against a real S3 server. One test starts it, since it takes seconds; what holds for it are its steps. */
import { CEPH_PACKAGES, missingPrograms, startCeph } from "../src/testing/ceph.ts";
import { BUCKET } from "./s3_bucket.ts";
import { GATEWAY } from "./s3_gateway.ts";
import { LINKS } from "./s3_links.ts";
import { TROUBLE } from "./s3_trouble.ts";
import { UPLOADS } from "./s3_uploads.ts";

const missing = await missingPrograms();
const isCi = ["CI", "IMGROUTER_CI"].some((name) => Deno.env.get(name));
const howTo = `apt-get install --no-install-recommends ${CEPH_PACKAGES.join(" ")}`;
const ignore = missing.length > 0 && !isCi;
if (ignore) {
  console.warn(`Nothing about S3 is tested: ${missing.join(", ")} are not there. To change that: ${howTo}`);
}

Deno.test({
  name: ignore ? `pictures in a bucket (needs: ${howTo})` : "pictures in a bucket",
  ignore,
  fn: async (t) => {
    if (missing.length > 0) throw new Error(`${missing.join(", ")} are not there; run ${howTo}`);
    await using ceph = await startCeph();
    for (
      const [sentence, holds] of Object.entries({ ...BUCKET, ...LINKS, ...TROUBLE, ...UPLOADS, ...GATEWAY })
    ) {
      await t.step(sentence, () => holds(ceph));
    }
  },
});
