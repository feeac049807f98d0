/** What holds for a bucket where something is wrong: with the keys, the clock, the server, or who asks. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { createS3Blobs } from "../src/platform/blobs_s3.ts";
import type { S3Settings } from "../src/platform/s3_address.ts";
import {
  bytesOf,
  clientOf,
  MIB,
  NAME,
  namesIn,
  newBucket,
  openNew,
  png,
  randomBytes,
  type Sentences,
  source,
  unfinished,
} from "./s3_kit.ts";

export const TROUBLE: Sentences = {
  "wrong credentials are told as such, without themselves": async (ceph) => {
    const settings = await newBucket(ceph);
    const stranger = await ceph.addUser();
    const cases: [Partial<S3Settings>, RegExp][] = [
      [
        { secretKey: "wrong-secret-key" },
        / the bucket bucket-\d+: the credentials are refused \(SignatureDoesNotMatch\)$/,
      ],
      [{ accessKey: "WRONG-ACCESS-KEY" }, /: the credentials are refused \(InvalidAccessKeyId\)$/],
      [stranger, /: the credentials do not allow it \(AccessDenied\)$/],
      [{ bucket: "no-such-bucket" }, /the bucket no-such-bucket: there is no such bucket \(NoSuchBucket\)$/],
    ];
    for (const [wrong, words] of cases) {
      using blobs = createS3Blobs({ ...settings, ...wrong });
      const errors: Error[] = [];
      const tries = [
        () => blobs.put(NAME, png, {}),
        () => blobs.put(NAME, source(randomBytes(6 * MIB)), {}),
        () => namesIn(blobs),
        () => blobs.open(NAME),
      ];
      for (const attempt of tries) await attempt().catch((error) => errors.push(error));
      assert.equal(errors.length, tries.length);
      for (const error of errors) {
        assert.match(error.message, words);
        const all = Deno.inspect(error) + JSON.stringify(error);
        for (
          const secret of [settings.secretKey, "wrong-secret-key", "WRONG-ACCESS-KEY", stranger.secretKey]
        ) {
          assert.ok(!all.includes(secret), all);
        }
      }
      const checked = await blobs.check();
      assert.ok(!checked.ok && words.test(checked.reason), JSON.stringify(checked));
    }
  },

  "a clock that is wrong is told with the difference, and overcome at the next try": async (ceph) => {
    for (
      const [clockOffset, words] of [[-3_600_000, "60 minutes behind"], [
        5_400_000,
        "90 minutes ahead of",
      ]] as const
    ) {
      using blobs = await openNew(ceph, {}, { clockOffset });
      await assert.rejects(
        blobs.put(NAME, png, {}),
        (error: Error) =>
          error.message.endsWith(`this machine's clock is ${words} the server's (RequestTimeTooSkewed)`),
      );
      await blobs.put(NAME, png, {});
      assert.deepEqual(await bytesOf(await blobs.open(NAME)), png);
    }
  },

  "a check finds nothing wrong with a bucket that works, and leaves nothing in it": async (ceph) => {
    const settings = await newBucket(ceph);
    using blobs = createS3Blobs({ ...settings, prefix: "images/" });
    const checked = await blobs.check();
    using client = clientOf(settings);
    const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket: settings.bucket }));
    assert.equal(KeyCount, 0);
    assert.ok(checked.ok && checked.ms >= 0 && checked.note === undefined, JSON.stringify(checked));
  },

  "a cancelled read ends its connection, and the next one works": async (ceph) => {
    using blobs = await openNew(ceph);
    await blobs.put(NAME, randomBytes(8 * MIB), {});
    for (let turn = 0; turn < 5; turn++) {
      const reader = (await blobs.open(NAME))!.bytes.getReader();
      assert.ok((await reader.read()).value!.length > 0);
      await reader.cancel();
    }
    await blobs.put("x.png", png, {});
    assert.deepEqual(await bytesOf(await blobs.open("x.png")), png);
  },

  "an abort ends an upload in parts, and leaves neither image nor stream behind": async (ceph) => {
    const settings = await newBucket(ceph);
    using blobs = createS3Blobs(settings);
    const leaving = new AbortController();
    let cancelled = false;
    let sent = 0;
    const bytes = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(randomBytes(64 * 1024));
        sent += 64 * 1024;
        if (sent > 16 * MIB) leaving.abort(new Error("the process ends"));
      },
      cancel() {
        cancelled = true;
      },
    });
    await assert.rejects(
      blobs.put(NAME, { type: "image/png", size: 64 * MIB, bytes }, {}, leaving.signal),
      /the process ends/,
    );
    assert.ok(cancelled);
    assert.ok(sent < 40 * MIB, `${sent} bytes were read`);
    assert.equal(await blobs.stat(NAME), undefined);
    assert.equal(await unfinished(settings), 0);
    await assert.rejects(blobs.open(NAME, undefined, AbortSignal.abort(new Error("left"))), /left/);
  },

  "an outage is told in words, and over as soon as the server is back": async (ceph) => {
    using blobs = await openNew(ceph);
    await blobs.put(NAME, png, {});
    await ceph.stopGateway();
    try {
      for (
        const attempt of [() => blobs.put("b.png", png, {}), () => blobs.open(NAME), () => blobs.remove(NAME)]
      ) {
        await assert.rejects(attempt(), /bucket bucket-\d+: nothing listens at http:\S+ \(ECONNREFUSED\)$/);
      }
      const checked = await blobs.check();
      assert.ok(!checked.ok && /nothing listens/.test(checked.reason));
    } finally {
      await ceph.startGateway();
    }
    assert.deepEqual(await bytesOf(await blobs.open(NAME)), png);
  },

  "settings of other programs change nothing, and reading and writing the bucket needs the network alone":
    async (ceph) => {
      const settings = await newBucket(ceph);
      const home = await Deno.makeTempDir();
      try {
        await Deno.mkdir(`${home}/.aws`);
        await Deno.writeTextFile(
          `${home}/.aws/config`,
          "[default]\nregion = moon\nendpoint_url = http://127.0.0.1:1\n",
        );
        await Deno.writeTextFile(
          `${home}/.aws/credentials`,
          "[default]\naws_access_key_id = x\naws_secret_access_key = y\n",
        );
        const main = fileURLToPath(new URL("./s3_process.ts", import.meta.url));
        const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: [
            "run",
            "--no-prompt",
            "--no-check",
            "--allow-net=127.0.0.1",
            "--allow-env",
            "--allow-read=node_modules",
            main,
          ],
          env: {
            SETTINGS: JSON.stringify(settings),
            DENO_AUDIT_PERMISSIONS: `${home}/asked`,
            HOME: home,
            AWS_ACCESS_KEY_ID: "x",
            AWS_SECRET_ACCESS_KEY: "y",
            AWS_SESSION_TOKEN: "z",
            AWS_REGION: "moon",
            AWS_ENDPOINT_URL: "http://127.0.0.1:1",
            AWS_ENDPOINT_URL_S3: "http://127.0.0.1:1",
            AWS_PROFILE: "nobody",
            AWS_MAX_ATTEMPTS: "none",
            AWS_USE_FIPS_ENDPOINT: "true",
            AWS_USE_DUALSTACK_ENDPOINT: "true",
            AWS_REQUEST_CHECKSUM_CALCULATION: "when_supported",
          },
        }).output();
        const told = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
        assert.equal(code, 0, told);
        assert.match(told, /all is there/);
        assert.doesNotMatch(await Deno.readTextFile(`${home}/asked`), /\.aws\/|169\.254/);
      } finally {
        await Deno.remove(home, { recursive: true });
      }
    },
};
