/** Token counts for replies. Relays bill by them and guess wildly where they are zero, so they never are. */
import type { Result } from "../../gateway/story.ts";
import type { ChatUsage } from "./chat_reply.ts";

/** OpenAI's `usage` of image replies. */
export interface ImageUsage {
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
  input_tokens_details: { text_tokens: number; image_tokens: number };
}

/** Pixels a token stands for, where the provider counted none: 1024x1024 makes 4096. */
const PIXELS_PER_TOKEN = 256;
/** Tokens of an input image, where the provider counted none. */
const TOKENS_PER_INPUT = 256;
const CHARACTERS_PER_TOKEN = 4;

/** The provider's counts, or an estimate from words and pixels. */
export function imageUsage({ usage, request, pictures }: Result): ImageUsage {
  const text = usage?.inputTextTokens || Math.max(1, Math.ceil(request.prompt.length / CHARACTERS_PER_TOKEN));
  const images = usage?.inputImageTokens || request.inputs.length * TOKENS_PER_INPUT;
  const pixels = pictures.reduce(
    (sum, { facts }) => sum + (facts ? facts.width * facts.height : 1024 * 1024),
    0,
  );
  const output = usage?.outputTokens || Math.max(1, Math.ceil(pixels / PIXELS_PER_TOKEN));
  return {
    input_tokens: text + images,
    output_tokens: output,
    total_tokens: text + images + output,
    input_tokens_details: { text_tokens: text, image_tokens: images },
  };
}

/** The same in chat's words. */
export function chatUsage(result: Result): ChatUsage {
  const { input_tokens, output_tokens, total_tokens } = imageUsage(result);
  return { prompt_tokens: input_tokens, completion_tokens: output_tokens, total_tokens };
}
