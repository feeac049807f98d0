/** A request of the playground as code that makes the same one, with a key of its own. */
import type { ImagesRequest } from "./draft.ts";

/** The languages there are. */
export const LANGUAGES = { curl: "curl", python: "Python", javascript: "JavaScript" } as const;
/** One of them. */
export type CodeLanguage = keyof typeof LANGUAGES;

/** Fields that OpenAI's Python library has arguments for; all others go into `extra_body`. */
const ARGUMENTS: Record<ImagesRequest["endpoint"], string> = {
  generations:
    "prompt model n size quality style background moderation output_format output_compression response_format",
  edits:
    "prompt model n size quality background input_fidelity output_format output_compression response_format",
  variations: "model n size response_format",
};
const METHODS = { generations: "generate", edits: "edit", variations: "create_variation" } as const;

/** @param origin of this gateway */
export function codeOf(language: CodeLanguage, request: ImagesRequest, origin: string): string {
  const { partial_images: _previews, ...fields } = request.fields;
  const sent: Record<string, unknown> = { ...fields, response_format: "url" };
  if (request.inputs.length > 0) {
    // A form holds texts alone; the gateway reads JSON in them.
    for (const [name, value] of Object.entries(sent)) {
      if (typeof value === "object") sent[name] = JSON.stringify(value);
    }
  }
  return WRITERS[language]({ ...request, fields: sent }, `${origin}/v1`);
}

/** What the files are called that stand for the images. */
function filesOf({ inputs }: ImagesRequest): string[] {
  return inputs.map((_, index) => inputs.length > 1 ? `image-${index + 1}.png` : "image.png");
}

const WRITERS: Record<CodeLanguage, (request: ImagesRequest, base: string) => string> = {
  curl: (request, base) => {
    const { endpoint, fields, inputs, mask } = request;
    const head = [`curl ${base}/images/${endpoint}`, `-H "Authorization: Bearer $IMGROUTER_KEY"`];
    if (inputs.length === 0) {
      const body = JSON.stringify(fields, null, 2);
      return [...head, `-H "Content-Type: application/json"`, `-d ${shellText(body)}`].join(" \\\n  ");
    }
    return [
      ...head,
      // Unlike -F, this takes a text that begins with @ as it is.
      ...Object.entries(fields).map(([name, value]) => `--form-string ${shellText(`${name}=${value}`)}`),
      ...filesOf(request).map((file) => `-F 'image[]=@${file}'`),
      ...mask ? ["-F 'mask=@mask.png'"] : [],
    ].join(" \\\n  ");
  },
  python: (request, base) => {
    const { endpoint, fields, inputs, mask } = request;
    const named = ARGUMENTS[endpoint].split(" ");
    const known = Object.entries(fields).filter(([name]) => named.includes(name));
    const extra = Object.entries(fields).filter(([name]) => !named.includes(name));
    const files = filesOf(request).map((file) => `open("${file}", "rb")`);
    const lines = [
      ...inputs.length > 0 ? [`image=${endpoint === "variations" ? files[0] : `[${files.join(", ")}]`}`] : [],
      ...mask ? [`mask=open("mask.png", "rb")`] : [],
      ...known.map(([name, value]) => `${name}=${pythonValue(value)}`),
      ...extra.length > 0 ? [`extra_body=${pythonValue(Object.fromEntries(extra))}`] : [],
    ];
    return [
      "import os",
      "",
      "from openai import OpenAI",
      "",
      `client = OpenAI(base_url="${base}", api_key=os.environ["IMGROUTER_KEY"])`,
      `result = client.images.${METHODS[endpoint]}(`,
      ...lines.map((line) => `    ${line},`),
      ")",
      "for image in result.data:",
      "    print(image.url)",
    ].join("\n");
  },
  javascript: (request, base) => {
    const { endpoint, fields, inputs, mask } = request;
    const files = filesOf(request).map((file) => `fs.createReadStream("${file}")`);
    const lines = [
      ...inputs.length > 0
        ? [`image: ${endpoint === "variations" ? files[0] : `[${files.join(", ")}]`}`]
        : [],
      ...mask ? [`mask: fs.createReadStream("mask.png")`] : [],
      ...Object.entries(fields).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
    ];
    const method = endpoint === "variations" ? "createVariation" : METHODS[endpoint];
    return [
      ...inputs.length > 0 ? [`import fs from "node:fs";`] : [],
      `import OpenAI from "openai";`,
      "",
      `const client = new OpenAI({ baseURL: "${base}", apiKey: process.env.IMGROUTER_KEY });`,
      `const result = await client.images.${method}({`,
      ...lines.map((line) => `  ${line},`),
      "});",
      "for (const image of result.data) console.log(image.url);",
    ].join("\n");
  },
};

function shellText(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** JSON texts and numbers are Python's, too. */
function pythonValue(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map(pythonValue).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  return `{${
    Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}: ${pythonValue(part)}`).join(", ")
  }}`;
}
