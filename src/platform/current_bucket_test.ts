import assert from "node:assert/strict";
import { CurrentBucket } from "./current_bucket.ts";
import type { S3Settings } from "./s3_address.ts";

const SETTINGS: S3Settings = {
  endpoint: "http://127.0.0.1:1",
  bucket: "fotos",
  accessKey: "a",
  secretKey: "b",
  publicUrl: "https://one.example",
};

Deno.test("a bucket is opened once, and anew when its settings change", () => {
  let settings: S3Settings | undefined = SETTINGS;
  using bucket = new CurrentBucket(() => settings);
  const first = bucket.get();
  assert.equal(first?.publicUrl("a.png"), "https://one.example/a.png");
  settings = { ...SETTINGS };
  assert.equal(bucket.get(), first);
  settings = { ...SETTINGS, publicUrl: "https://two.example" };
  assert.equal(bucket.get()?.publicUrl("a.png"), "https://two.example/a.png");
  settings = undefined;
  assert.equal(bucket.get(), undefined);
});
