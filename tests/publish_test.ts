/** Inputs for providers that take nothing but addresses: the operator's image bed, or a link of ours for a while. */
import assert from "node:assert/strict";
import { FakeClock } from "../src/testing/fake_clock.ts";
import { startGateway } from "../src/testing/gateway.ts";
import { imageBed } from "../src/testing/image_bed_service.ts";
import { paintPng } from "../src/testing/painting.ts";
import { dataUrl } from "../src/testing/provider_replies.ts";
import { runPodService } from "../src/testing/runpod_service.ts";

const picture = paintPng({ width: 64, height: 64 });

/** Asks RunPod, which is given its inputs by address, for an edit, and gives what it was sent and what was told. */
async function sentTo(env: Record<string, string>, clock?: FakeClock) {
  await using stack = new AsyncDisposableStack();
  const runpod = stack.use(runPodService());
  const gateway = stack.use(await startGateway({ env: { RUNPOD_BASE_URL: runpod.url, ...env }, clock }));
  const body = { model: "qwen-image-edit", prompt: "a fox", image: dataUrl(picture) };
  const response = await gateway.post("/v1/images/edits", body, runpod.newKey());
  await response.bytes();
  assert.equal(response.status, 200);
  const { input } = runpod.imageCalls[0]!.json as { input: { image: string } };
  const fetchOwn = (address: string) => fetch(address.replace("https://pictures.example", gateway.url));
  const held = stack.move();
  return { address: input.image, fetchOwn, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

for (const credential of ["token", "code"] as const) {
  Deno.test(`an input is put into the image bed with its ${credential}, under a name that nobody can guess`, async () => {
    await using bed = imageBed();
    const env = {
      IMAGE_BED_BASE_URL: `${bed.url}/`,
      IMAGE_BED_AUTH_CODE: bed[credential],
      IMAGE_BED_UPLOAD_CHANNEL: "s3",
    };
    await using sent = await sentTo(env);
    assert.ok(sent.address.startsWith(`${bed.url}/file/imgrouter/`), sent.address);
    assert.deepEqual(await (await fetch(sent.address)).bytes(), picture);
    assert.match(bed.names[0]!, /^[0-9a-f-]{36}\.png$/);
    assert.equal(bed.uploads[0]!.get("uploadChannel"), "s3");
    assert.ok(!bed.uploads[0]!.toString().includes(bed[credential]), "no secret is in the address");
  });
}

Deno.test("without a bed, an input is lent under the public address for ten minutes", async () => {
  const clock = new FakeClock();
  await using sent = await sentTo({ PUBLIC_BASE_URL: "https://pictures.example" }, clock);
  assert.ok(sent.address.startsWith("https://pictures.example/storage/"), sent.address);
  assert.deepEqual(await (await sent.fetchOwn(sent.address)).bytes(), picture);
  await clock.pass(10 * 60_000);
  const late = await sent.fetchOwn(sent.address);
  await late.bytes();
  assert.equal(late.status, 404);
});

Deno.test("a bed that fails is no obstacle where there is another way", async () => {
  await using bed = imageBed();
  bed.spoil(500, "Error: Failed to upload to S3 - down");
  const env = {
    IMAGE_BED_BASE_URL: bed.url,
    IMAGE_BED_AUTH_CODE: bed.code,
    PUBLIC_BASE_URL: "https://pictures.example",
  };
  await using sent = await sentTo(env);
  assert.ok(sent.address.startsWith("https://pictures.example/storage/"), sent.address);
});

Deno.test("with neither, the input itself goes along where the provider may take it", async () => {
  await using sent = await sentTo({});
  assert.ok(sent.address.startsWith("data:image/png;base64,"));
});
