import assert from "node:assert/strict";
import { imageRequest } from "../testing/image_request.ts";
import { priceOf } from "./price.ts";
import type { Model, Prices } from "./provider.ts";

const QUALITIES = ["low", "medium", "high"];
const TOKENS = { textIn: 5, imageIn: 8, imageOut: 30 };
const model = (prices?: Prices): Model => ({
  id: "painter",
  tasks: ["generate"],
  qualities: QUALITIES,
  prices,
});
const BY_QUALITY = model({
  tokens: TOKENS,
  images: [
    { quality: "low", usd: 0.01 },
    { quality: "medium", square: true, usd: 0.05 },
    { quality: "medium", usd: 0.04 },
    { quality: "high", usd: 0.2 },
  ],
});

function close(actual: number | undefined, expected: number): void {
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-9, `${actual} instead of ${expected}`);
}

Deno.test("tokens decide where the reply counted them", () => {
  const usage = { inputTextTokens: 100_000, inputImageTokens: 10_000, outputTokens: 1_000_000 };
  close(priceOf(BY_QUALITY, { count: 3, request: imageRequest(), usage }), 0.5 + 0.08 + 30);
});

Deno.test("without tokens the row of quality and shape decides, times the count", () => {
  close(priceOf(BY_QUALITY, { count: 2, request: imageRequest({ quality: "low" }) }), 0.02);
  const wide = { width: 1536, height: 1024 };
  close(priceOf(BY_QUALITY, { count: 1, request: imageRequest({ quality: "medium", size: wide }) }), 0.04);
});

Deno.test("without a quality the middle one is taken, without a size a square", () => {
  close(priceOf(BY_QUALITY, { count: 1, request: imageRequest() }), 0.05);
  close(priceOf(BY_QUALITY, { count: 1, request: imageRequest({ quality: "auto" }) }), 0.05);
});

Deno.test("sizes that came out count before the one that was asked for", () => {
  const areas = model({ images: [{ maxPixels: 1024 * 1024, usd: 0.04 }, { usd: 0.08 }] });
  const sizes = [{ width: 1024, height: 1024 }, { width: 2048, height: 2048 }];
  close(priceOf(areas, { count: 2, request: imageRequest(), sizes }), 0.12);
});

Deno.test("megapixels are counted as they come out", () => {
  const size = { width: 2000, height: 1000 };
  close(priceOf(model({ megapixel: 0.01 }), { count: 2, request: imageRequest({ size }) }), 0.04);
});

Deno.test("a price that is not known is not zero, and one that is zero is known", () => {
  assert.equal(priceOf(model(), { count: 1, request: imageRequest() }), undefined);
  assert.equal(priceOf(model({ tokens: TOKENS }), { count: 1, request: imageRequest() }), undefined);
  assert.equal(priceOf(BY_QUALITY, { count: 1, request: imageRequest({ quality: "ultra" }) }), undefined);
  assert.equal(priceOf(model({ images: [{ usd: 0 }] }), { count: 4, request: imageRequest() }), 0);
});

Deno.test("tokens without a price for them leave the row to decide", () => {
  const usage = { inputTextTokens: 0, inputImageTokens: 0, outputTokens: 4096 };
  close(priceOf(model({ images: [{ usd: 0.03 }] }), { count: 1, request: imageRequest(), usage }), 0.03);
});
