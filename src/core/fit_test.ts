import assert from "node:assert/strict";
import fc from "fast-check";
import { PROVIDERS } from "../providers/registry.ts";
import { imageRequest } from "../testing/image_request.ts";
import { ENHANCER_NAMES, fit, spellingOf, STYLE_NAMES } from "./fit.ts";
import { Media } from "./media.ts";
import type { Model } from "./provider.ts";
import type { ImageRequest, Wishes } from "./request.ts";

const model = (row: Partial<Model> = {}): Model => ({ id: "painter", tasks: ["generate"], ...row });

const WISHES = [
  "quality",
  "style",
  "background",
  "moderation",
  "inputFidelity",
  "seed",
  "steps",
  "guidance",
  "negativePrompt",
  "loraWeights",
  "outputFormat",
  "outputCompression",
  "user",
] as const satisfies (keyof Wishes)[];

const word = fc.oneof(
  fc.constantFrom("auto", "low", "medium", "high", "hd", "standard", "vivid", "natural", ...STYLE_NAMES),
  fc.constantFrom("constructor", "__proto__", "toString", ""),
  fc.string({ unit: "grapheme" }),
);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });
const anyRequest: fc.Arbitrary<ImageRequest> = fc.record({
  prompt: fc.string(),
  quality: maybe(word),
  style: maybe(word),
  background: maybe(word),
  moderation: maybe(word),
  inputFidelity: maybe(word),
  seed: maybe(fc.integer()),
  steps: maybe(fc.integer({ min: 1, max: 500 })),
  guidance: maybe(fc.double({ min: 0, max: 100, noNaN: true })),
  negativePrompt: maybe(fc.string()),
  loraWeights: maybe(fc.dictionary(fc.string(), fc.integer(), { noNullPrototype: true })),
  outputFormat: maybe(fc.constantFrom("png" as const, "jpeg" as const, "webp" as const)),
  outputCompression: maybe(fc.integer({ min: 0, max: 100 })),
  user: maybe(fc.string()),
  size: maybe(fc.tuple(fc.integer({ min: 1, max: 16384 }), fc.integer({ min: 1, max: 16384 }))),
  ratio: maybe(fc.double({ min: 0.01, max: 100, noNaN: true })),
  partialImages: fc.integer({ min: 0, max: 3 }),
  qualityEnhancers: fc.subarray(ENHANCER_NAMES),
}).map(({ size, ...wanted }) =>
  imageRequest({ ...wanted, size: size && { width: size[0], height: size[1] } })
);
const anyModel = fc.constantFrom(...PROVIDERS.flatMap((provider) => provider.models));

function frozen(request: ImageRequest): ImageRequest {
  for (const part of [request.size, request.qualityEnhancers, request.loraWeights, request.inputs]) {
    if (part) Object.freeze(part);
  }
  return Object.freeze(request);
}

Deno.test("no registered model is sent a wish or a value that it does not list", () => {
  fc.assert(
    fc.property(anyRequest, anyModel, (wanted, model) => {
      const { request } = fit(wanted, model);
      for (const wish of WISHES) {
        if (request[wish] !== undefined) assert.ok(model.wishes?.includes(wish), `${model.id}: ${wish}`);
      }
      if (request.quality !== undefined && request.quality !== "auto" && model.qualities) {
        assert.ok(model.qualities.includes(request.quality), `${model.id}: ${request.quality}`);
      }
      assert.ok(!STYLE_NAMES.includes(request.style ?? ""));
      assert.ok(request.partialImages <= (model.maxPartials ?? 0));
      assert.equal(request.model, model.id);
      assert.equal(typeof request.prompt, "string");
    }),
    { numRuns: 1000 },
  );
});

Deno.test("each wish that is removed or changed is told, in the caller's spelling", () => {
  fc.assert(
    fc.property(anyRequest, anyModel, (wanted, model) => {
      const { request, notes } = fit(wanted, model);
      const isTold = (name: string) => notes.some((note) => note.startsWith(`${name}: `));
      for (const wish of WISHES) {
        // `auto` asks for nothing, and an end user's id is nobody's loss.
        if (wanted[wish] === "auto" || wish === "user" || request[wish] === wanted[wish]) continue;
        // The form of a picture is seen to afterwards.
        if (wish === "outputFormat") {
          assert.equal(request.delivery?.format, wanted.outputFormat);
          continue;
        }
        if (wish === "outputCompression") {
          assert.equal(request.delivery?.quality, wanted.outputCompression);
          continue;
        }
        assert.ok(isTold(spellingOf(wish)), `${model.id}: ${wish} ${JSON.stringify(wanted[wish])}: ${notes}`);
      }
      if (
        wanted.size && JSON.stringify(request.size) !== JSON.stringify(wanted.size) &&
        model.sizes?.kind !== "ratios"
      ) {
        assert.ok(isTold("size"), notes.join());
      }
      if (wanted.partialImages > 0 && request.partialImages === 0) assert.ok(isTold("partial_images"));
      if (wanted.qualityEnhancers.length > 0) assert.ok(isTold("quality_enhancers"));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("a request is never changed by being fitted", () => {
  fc.assert(fc.property(anyRequest, anyModel, (wanted, model) => {
    const before = structuredClone(wanted);
    fit(frozen(wanted), model);
    assert.deepEqual(wanted, before);
  }));
});

Deno.test("what a model accepts passes without a note", () => {
  const inputs = [Media.fromBase64("aGk=")];
  const wanted = imageRequest({
    task: "edit",
    inputs,
    quality: "high",
    seed: 7,
    size: { width: 1024, height: 1024 },
    providerParams: { watermark: false },
  });
  const { request, notes } = fit(
    wanted,
    model({
      wishes: ["quality", "seed"],
      qualities: ["low", "high"],
      sizes: { kind: "listed", sizes: ["1024x1024"] },
    }),
  );
  assert.deepEqual(request, { ...wanted, model: "painter" });
  assert.deepEqual(notes, []);
});

Deno.test("named styles and enhancers become words of the prompt, whatever a model knows", () => {
  const { request, notes } = fit(
    imageRequest({ style: "watercolor", qualityEnhancers: ["sharp_focus", "cinematic"] }),
    model({ wishes: ["style"] }),
  );
  assert.match(request.prompt, /^a fox, watercolor painting, .*sharp focus, cinematic/);
  assert.equal(request.style, undefined);
  assert.deepEqual(notes, [
    "style: watercolor was put into the prompt",
    "quality_enhancers: put into the prompt",
  ]);
});

Deno.test("each style and each enhancer has words of its own", () => {
  const prompts = [
    ...STYLE_NAMES.map((style) => fit(imageRequest({ style }), model()).request.prompt),
    ...ENHANCER_NAMES.map((name) => fit(imageRequest({ qualityEnhancers: [name] }), model()).request.prompt),
  ];
  assert.equal(new Set(prompts).size, STYLE_NAMES.length + ENHANCER_NAMES.length);
  for (const prompt of prompts) assert.match(prompt, /^a fox, \w/);
});

Deno.test("OpenAI's own styles go to models that know them", () => {
  assert.equal(fit(imageRequest({ style: "vivid" }), model({ wishes: ["style"] })).request.style, "vivid");
  const { request, notes } = fit(imageRequest({ style: "vivid" }), model());
  assert.equal(request.style, undefined);
  assert.deepEqual(notes, ["style: not offered by painter, left out"]);
});

Deno.test("a style named like a member of every object is no style", () => {
  for (const style of ["constructor", "toString", "__proto__"]) {
    const { request, notes } = fit(imageRequest({ style }), model());
    assert.equal(request.prompt, "a fox");
    assert.deepEqual(notes, ["style: not offered by painter, left out"]);
  }
});

Deno.test("a prompt that is empty gets no comma before its style", () => {
  assert.match(fit(imageRequest({ prompt: "", style: "anime" }), model()).request.prompt, /^anime/);
});

const QUALITIES: { of: string[]; asked: string; given: string }[] = [
  { of: ["low", "medium", "high"], asked: "standard", given: "medium" },
  { of: ["low", "medium", "high"], asked: "hd", given: "high" },
  { of: ["low", "medium", "high"], asked: "max", given: "high" },
  { of: ["low", "medium", "high", "xhigh", "max"], asked: "standard", given: "medium" },
  { of: ["low", "medium", "high", "xhigh", "max"], asked: "hd", given: "high" },
  { of: ["standard", "hd"], asked: "low", given: "standard" },
  { of: ["standard", "hd"], asked: "medium", given: "standard" },
  { of: ["standard", "hd"], asked: "high", given: "hd" },
];
for (const { of, asked, given } of QUALITIES) {
  Deno.test(`quality ${asked} becomes ${given} where there is ${of.join(", ")}`, () => {
    const { request, notes } = fit(
      imageRequest({ quality: asked }),
      model({ wishes: ["quality"], qualities: of }),
    );
    assert.equal(request.quality, given);
    assert.deepEqual(notes, [`quality: ${asked} became ${given}`]);
  });
}

Deno.test("a quality that nobody knows is left to the model", () => {
  for (const quality of ["ultra", "constructor"]) {
    const { request, notes } = fit(
      imageRequest({ quality }),
      model({ wishes: ["quality"], qualities: ["low", "high"] }),
    );
    assert.equal(request.quality, undefined);
    assert.deepEqual(notes, [`quality: ${quality} is not known to painter, its own was used`]);
  }
});

Deno.test("a model that takes quality and lists no values gets what was sent", () => {
  const { request, notes } = fit(imageRequest({ quality: "ultra" }), model({ wishes: ["quality"] }));
  assert.equal(request.quality, "ultra");
  assert.deepEqual(notes, []);
});

Deno.test("a size that is not offered becomes the nearest, and both are told", () => {
  const { request, notes } = fit(
    imageRequest({ size: { width: 1920, height: 1080 } }),
    model({ sizes: { kind: "listed", sizes: ["1024x1024", "1536x1024"] } }),
  );
  assert.deepEqual(request.size, { width: 1536, height: 1024 });
  assert.deepEqual(notes, ["size: 1920x1080 is not offered by painter, 1536x1024 was used"]);
});

Deno.test("a shape becomes a size, and is told only where another one had to be taken", () => {
  const free = fit(imageRequest({ ratio: 16 / 9 }), model({ sizes: { kind: "free", multipleOf: 8 } }));
  assert.ok(Math.abs(free.request.size!.width / free.request.size!.height - 16 / 9) < 0.03);
  assert.deepEqual(free.notes, []);
  const listed = fit(
    imageRequest({ ratio: 16 / 9 }),
    model({ sizes: { kind: "listed", sizes: ["1024x1024", "1536x1024"] } }),
  );
  assert.deepEqual(listed.request.size, { width: 1536, height: 1024 });
  assert.deepEqual(listed.notes, ["size: 1536x1024 is the nearest shape that painter offers"]);
});

Deno.test("a shape takes the area that the model has by default", () => {
  const sizes = { kind: "free", multipleOf: 16 } as const;
  const { request } = fit(imageRequest({ ratio: 1 }), model({ sizes, defaultSize: "2048x2048" }));
  assert.deepEqual(request.size, { width: 2048, height: 2048 });
});

Deno.test("without a wish for a size, the model's default is sent, or nothing", () => {
  const sizes = { kind: "free" } as const;
  const named = fit(imageRequest(), model({ sizes, defaultSize: "2048x1024" }));
  assert.deepEqual(named.request.size, { width: 2048, height: 1024 });
  assert.deepEqual(named.notes, []);
  assert.equal(fit(imageRequest(), model({ sizes })).request.size, undefined);
  assert.equal(fit(imageRequest(), model()).request.size, undefined);
});

Deno.test("a model that knows shapes alone is given the nearest one", () => {
  const sizes = { kind: "ratios", ratios: ["1:1", "16:9", "9:16"] } as const;
  const exact = fit(imageRequest({ size: { width: 1920, height: 1080 } }), model({ sizes }));
  assert.equal(exact.request.ratio, 16 / 9);
  assert.deepEqual(exact.notes, []);
  const near = fit(imageRequest({ ratio: 0.5 }), model({ sizes }));
  assert.equal(near.request.ratio, 9 / 16);
  assert.deepEqual(near.notes, ["size: the nearest shape 9:16 was used"]);
  assert.equal(fit(imageRequest(), model({ sizes })).request.ratio, undefined);
});

Deno.test("a model that chooses its size is asked for none", () => {
  const { request, notes } = fit(
    imageRequest({ size: { width: 512, height: 512 } }),
    model({ sizes: { kind: "fixed" } }),
  );
  assert.equal(request.size, undefined);
  assert.equal(request.ratio, undefined);
  assert.deepEqual(notes, ["size: painter chooses it by itself"]);
});

Deno.test("a model without a rule is sent the size that was asked for", () => {
  const size = { width: 333, height: 777 };
  assert.deepEqual(fit(imageRequest({ size }), model()).request.size, size);
  const shaped = fit(imageRequest({ ratio: 2 }), model()).request.size!;
  assert.ok(Math.abs(shaped.width / shaped.height - 2) < 0.1);
});

Deno.test("previews are cut to what a model sends", () => {
  assert.equal(fit(imageRequest({ partialImages: 3 }), model({ maxPartials: 2 })).request.partialImages, 2);
  const { request, notes } = fit(imageRequest({ partialImages: 3 }), model());
  assert.equal(request.partialImages, 0);
  assert.deepEqual(notes, ["partial_images: painter sends no previews"]);
});
