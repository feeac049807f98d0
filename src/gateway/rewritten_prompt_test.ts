import assert from "node:assert/strict";
import fc from "fast-check";
import { promptIn } from "./rewritten_prompt.ts";

const FOX = "A red fox.";

const CASES: [what: string, answer: string, original: string, prompt: string][] = [
  ["an answer as it should be", `  ${FOX}\n`, "狐", FOX],
  ["quotation marks in quotation marks", `"“${FOX}”"`, "狐", FOX],
  ["quotation marks that the original has", '"Fox"', '"狐"', '"Fox"'],
  ["two quoted words", '"fox" and "hen"', "狐", '"fox" and "hen"'],
  ["a fence with a language", "```markdown\nA red fox.\n```", "狐", FOX],
  ["a fence without an end", "```\nA red fox.", "狐", FOX],
  ["an announced fence", "Prompt:\n```\nA red fox.\n```\nHave fun!", "狐", FOX],
  [
    "a fence that is part of the wish",
    "a screen with ```x``` on it",
    "狐 ```x```",
    "a screen with ```x``` on it",
  ],
  ["several thoughts", "<think>a</think><thinking>b</thinking>A red fox.", "狐", FOX],
  ["thoughts whose beginning is missing", "hm, a fox</think>\nA red fox.", "狐", FOX],
  ["thoughts that never end", "<think>\na fox", "狐", ""],
  ["an answer before open thoughts", "A red fox.<think>was that right?", "狐", FOX],
  ["control characters", "A red\u0000\u001b fox.", "狐", FOX],
  ["lines", "A red fox.\nIn snow.", "狐", "A red fox.\nIn snow."],
  ["nothing", ' "" ', "狐", ""],
];

for (const [what, answer, original, prompt] of CASES) {
  Deno.test(`promptIn() handles ${what}`, () => assert.equal(promptIn(answer, original, 5000), prompt));
}

Deno.test("promptIn() cuts at a blank, and inside a word only where that is endless", () => {
  assert.equal(promptIn("one two three", "x", 9), "one two");
  assert.equal(promptIn("a".repeat(300), "x", 200), "a".repeat(200));
  assert.equal(promptIn("🦊".repeat(10), "x", 5), "🦊🦊");
});

Deno.test("property: what promptIn() gives is well formed, within the limit and free of control characters", () => {
  const piece = fc.constantFrom(
    "<think>",
    "</think>",
    "```",
    '"',
    "“",
    "”",
    "\n",
    " ",
    "\ud83e",
    "fox",
    "\0",
    ":",
  );
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.array(piece).map((pieces) => pieces.join("")));
  fc.assert(fc.property(text, text, fc.integer({ min: 1, max: 40 }), (answer, original, most) => {
    const prompt = promptIn(answer, original, most);
    assert.ok(prompt.length <= most && prompt.isWellFormed() && prompt === prompt.trim());
    assert.doesNotMatch(prompt.replaceAll("\n", ""), /\p{Cc}/u);
  }));
});

Deno.test("promptIn() gets through a megabyte of anything", () => {
  for (const unit of ["<think>", "</think", "```", '"', "“", " ", "a\n", ":\n", "<think> "]) {
    assert.ok(promptIn(unit.repeat(2 ** 20 / unit.length), "x", 5000).length <= 5000, unit);
  }
});
