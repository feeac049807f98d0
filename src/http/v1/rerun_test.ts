import assert from "node:assert/strict";
import fc from "fast-check";
import { readFields, wishesOf } from "./fields.ts";
import { rerunFrom } from "./rerun.ts";

Deno.test("what was asked for comes back as the same request", () => {
  const asked = {
    prompt: "a heron",
    model: "flux",
    provider: "Gitee",
    n: 2,
    size: "512x768",
    quality: "high",
    style: "anime",
    quality_enhancers: ["sharp_focus"],
    background: "transparent",
    output_format: "webp",
    output_compression: 80,
    seed: 7,
    steps: 20,
    guidance_scale: 3.5,
    negative_prompt: "fog",
    lora_weights: { a: 0.5 },
    prompt_optimizer: { translate: true },
    provider_params: { hd: true },
  };
  const kept = JSON.parse(JSON.stringify({ ...wishesOf(readFields(asked)), inputs: 2, mask: true }));
  const { body, inputs, mask } = rerunFrom(kept);
  assert.deepEqual(body, asked);
  assert.deepEqual([inputs, mask], [2, true]);
});

Deno.test("a shape without pixels stays one", () => {
  const { ratio } = wishesOf(readFields({ aspect_ratio: "16:9" }));
  const { body } = rerunFrom({ prompt: "x", ratio });
  const again = wishesOf(readFields(body)).ratio;
  assert.ok(Math.abs(again! - 16 / 9) < 0.001, String(again));
});

Deno.test("members of a wrong kind read as absent, whatever is kept beside a picture", () => {
  const name = fc.constantFrom(
    "prompt",
    "size",
    "ratio",
    "seed",
    "loraWeights",
    "inputs",
    "mask",
    "rewriting",
  );
  fc.assert(fc.property(fc.dictionary(name, fc.jsonValue()), (kept) => {
    const { body, inputs } = rerunFrom(kept);
    assert.ok(Number.isInteger(inputs) && inputs >= 0);
    assert.ok(body.prompt === undefined || body.prompt === kept.prompt);
    assert.ok(body.seed === undefined || typeof body.seed === "number");
    assert.ok(body.size === undefined || typeof body.size === "string");
  }));
});
