import assert from "node:assert/strict";
import fc from "fast-check";
import { isEnglish } from "./english.ts";

const ENGLISH = [
  "a red fox in the snow, watercolor",
  "masterpiece, best quality, 1girl, long hair, 8k",
  "Make the sky pink",
  "remove the background",
  "a café in Paris, rue de Rivoli",
  "Darth Vader eating ramen in Tokyo",
  "logo, minimal, vector",
  "cat",
  'a shop sign that says "欢迎光临" in neon, at night',
  "a storefront sign saying 你好 in pink neon letters, rain",
  "1024x1024",
  "🦊❄️",
  "",
];
const OTHERS = [
  "雪地里的一只红狐狸",
  "一只 cyberpunk 风格的猫",
  "「ようこそ」と書かれた看板",
  "赤い狐",
  "눈 속의 빨간 여우",
  "рыжая лиса в снегу",
  "ثعلب أحمر في الثلج",
  "चाँदनी रात में लोमड़ी",
  "สุนัขจิ้งจอกแดง",
  "un chat roux dans la neige",
  "ein roter Fuchs im Schnee",
  "Entferne den Hintergrund",
  "un gato rojo en la nieve",
  "uma raposa vermelha na neve",
  "con mèo đỏ trong tuyết",
  '"你好"',
];

for (const prompt of ENGLISH) {
  Deno.test(`isEnglish() lets pass: ${JSON.stringify(prompt)}`, async () => {
    assert.equal(await isEnglish(prompt), true);
  });
}

for (const prompt of OTHERS) {
  Deno.test(`isEnglish() tells another language: ${prompt}`, async () => {
    assert.equal(await isEnglish(prompt), false);
  });
}

Deno.test("property: isEnglish() has an answer to any text", async () => {
  await fc.assert(fc.asyncProperty(fc.string({ unit: "binary" }), async (text) => {
    assert.equal(typeof await isEnglish(text), "boolean");
  }));
});

Deno.test("isEnglish() gets through very long texts", async () => {
  for (const unit of ['"', "「", "狐", "ab ", "«»"]) {
    assert.equal(typeof await isEnglish(unit.repeat(32_000)), "boolean", unit);
  }
});
