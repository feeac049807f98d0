/** OpenAI's own description of its bodies, to hold ours and those of the scripted services against. */
import { AssertionError } from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/** The schemas that a test may name. */
export type SchemaName =
  | "ImagesResponse"
  | "ImageGenStreamEvent"
  | "ImageEditStreamEvent"
  | "CreateChatCompletionResponse"
  | "CreateChatCompletionStreamResponse"
  | "ErrorResponse"
  | "ListModelsResponse"
  | "Model"
  | "CreateImageRequest"
  | "CreateImageEditRequest"
  | "EditImageBodyJsonParam"
  | "CreateImageVariationRequest"
  | "CreateChatCompletionRequest";

const DOCUMENT = new URL("./fixtures/openai/openapi-images-chat-models.json", import.meta.url);

let loaded: Ajv2020 | undefined;

function ajv(): Ajv2020 {
  if (loaded) return loaded;
  // Not strict: an OpenAPI document has words that JSON Schema doesn't know, such as `example`.
  loaded = new Ajv2020({ strict: false, allErrors: true, formats: { unixtime: true, binary: true } });
  addFormats.default(loaded);
  return loaded.addSchema(JSON.parse(Deno.readTextFileSync(DOCUMENT)), "openai");
}

/**
 * Asserts that a body is as OpenAI describes it. The description is of summer 2026: it knows three sizes in
 * `ImagesResponse.size` and those and `auto` in events, and the qualities up to `high`.
 * @throws AssertionError that lists every difference by its place in the body.
 */
export function assertMatches(schema: SchemaName, body: unknown): void {
  const matches = ajv().getSchema(`openai#/components/schemas/${schema}`);
  if (!matches) throw new Error(`Cannot check a body: OpenAI's document has no schema ${schema}`);
  if (matches(body)) return;
  const differences = (matches.errors ?? []).map(({ instancePath, message, params }) => {
    const allowed = "allowedValues" in params ? `: ${params.allowedValues.join(", ")}` : "";
    return `  ${instancePath || "the body"} ${message}${allowed}`;
  });
  throw new AssertionError({
    message: `Not a valid ${schema}:\n${[...new Set(differences)].join("\n")}`,
    actual: body,
    stackStartFn: assertMatches,
  });
}
