/** `/v1/images/*`: OpenAI's image endpoints, and `blend`, which img-router had. */
import { z } from "@hono/zod-openapi";
import { Failed } from "../../core/failure.ts";
import type { Media } from "../../core/media.ts";
import type { ImageRequest, Task } from "../../core/request.ts";
import { documented, type EdgeApp, errorResponses } from "../documented.ts";
import type { Edge, EdgeContext } from "../edge.ts";
import { errorReply } from "../errors.ts";
import type { Body } from "./body.ts";
import { readMessages } from "./chat_messages.ts";
import {
  eventStream,
  inputOptions,
  jsonReply,
  linkTo,
  NEUTRAL_PROMPT,
  prepare,
  type Prepared,
  progressComment,
  readKnown,
  resultHeaders,
  run,
  writtenReply,
} from "./endpoint.ts";
import { ImageFields, readFields, speaksOfBatches, wishesOf } from "./fields.ts";
import { filled } from "./filled_text.ts";
import { imagesBody, type ResponseFormat, streamEvents } from "./images_reply.ts";
import { readInputs, toMedia } from "./inputs.ts";

/** The image endpoints by their last part. */
export type Endpoint = "generations" | "edits" | "variations" | "blend";

/** Adds the image endpoints. */
export function addImages(app: EdgeApp, edge: Edge): void {
  for (const endpoint of ["generations", "edits", "variations", "blend"] as const) {
    documented(app, {
      method: "post",
      path: `/v1/images/${endpoint}`,
      tags: ["Images"],
      summary: SUMMARIES[endpoint],
      description: LONG_CALLS,
      security: [{ key: [] }],
      request: { body: { required: true, content: CONTENT[endpoint] } },
      responses: {
        200: {
          description:
            "Images; with `stream: true` as server-sent events, with `Accept: image/*` as the first image's bytes.",
          content: {
            "application/json": { schema: ImagesReply },
            "text/event-stream": { schema: { type: "string" } },
            "image/*": { schema: { type: "string", format: "binary" } },
          },
        },
        ...errorResponses,
      },
    }, (c) => handleImages(c, edge, endpoint));
  }
}

const LONG_CALLS =
  "Pictures take from seconds to minutes. With `stream: true` the connection shows life all the while: previews where " +
  "the provider has them, comments otherwise. A plain reply is silent until it is there; where something between client " +
  "and gateway cuts silent connections, set `system.keepAlive` to true: the body then begins with blanks, which JSON " +
  "readers pass over, and its status is always 200, so that a failure is told in the body alone. What was changed to suit " +
  "a model is told in `x-imgrouter-notes`.";

const SUMMARIES: Record<Endpoint, string> = {
  generations: "Make images from words",
  edits: "Change an image, within a mask if one is given",
  variations: "Vary an image without words",
  blend: "Join several images into one",
};

/** Answers a request to an image endpoint, at whatever path it stands. @throws Failed, HttpFault */
export async function handleImages(c: EdgeContext, edge: Edge, endpoint: Endpoint): Promise<Response> {
  const body = await readKnown(c, edge);
  const fields = readFields(body.fields);
  const request = await readRequest(c, edge, endpoint, body, fields);
  const prepared = prepare(c, edge, request);
  const created = Math.floor(edge.clock.now() / 1000);
  if (fields.stream) return streamed(c, edge, prepared, created);
  if (/^image\//i.test(c.req.header("accept") ?? "")) return await firstImage(c, edge, prepared);
  const format = fields.response_format ?? defaultFormat(endpoint, request.model, body);
  return await jsonReply(
    c,
    edge,
    () => run(c, edge, prepared, { wantsBytes: format === "b64_json", mayStream: true }),
    (result) => imagesBody(result, format, linkTo(c, edge), created),
  );
}

async function readRequest(
  c: EdgeContext,
  edge: Edge,
  endpoint: Endpoint,
  body: Body,
  fields: ImageFields,
): Promise<ImageRequest> {
  const wishes = wishesOf(fields);
  if (endpoint === "generations") {
    return { ...wishes, prompt: required(wishes.prompt), task: "generate", inputs: [] };
  }
  const options = inputOptions(c, edge);
  const { messages } = body.fields;
  if (messages !== undefined && messages !== null && endpoint !== "variations") {
    const chat = readMessages(messages);
    const inputs = await Promise.all(chat.images.map(({ url }) => toMedia(url, "messages", options)));
    return { ...wishes, prompt: chat.prompt || wishes.prompt || NEUTRAL_PROMPT, ...needed(inputs, endpoint) };
  }
  const { inputs, mask } = await readInputs(body, options);
  const prompt = endpoint === "variations" ? wishes.prompt || NEUTRAL_PROMPT : required(wishes.prompt);
  return { ...wishes, prompt, mask, ...needed(inputs, endpoint) };
}

function needed(inputs: Media[], endpoint: Endpoint): { inputs: Media[]; task: Task } {
  if (inputs.length === 0) {
    throw new Failed({
      kind: "invalid_request",
      param: "image",
      code: "missing_required_parameter",
      message: "Missing 'image': send one as a file, a URL, a data URI or base64",
    });
  }
  return { inputs, task: endpoint === "variations" ? "variation" : inputs.length > 1 ? "blend" : "edit" };
}

function required(prompt: string): string {
  if (prompt.trim() !== "") return prompt;
  throw new Failed({
    kind: "invalid_request",
    param: "prompt",
    code: "missing_required_parameter",
    message: "Missing 'prompt': say what is to be made",
  });
}

/** Where a client names no form, it gets the one that clients of that endpoint can read. */
function defaultFormat(endpoint: Endpoint, model: string, body: Body): ResponseFormat {
  if (speaksOfBatches(body.fields)) return "url";
  return endpoint === "edits" || /^(chatgpt|gpt)-image/.test(model) ? "b64_json" : "url";
}

async function firstImage(c: EdgeContext, edge: Edge, prepared: Prepared): Promise<Response> {
  const result = await run(c, edge, prepared, { wantsBytes: true, mayStream: true });
  const { media, facts } = result.pictures[0]!;
  const headers = { ...resultHeaders(result), "content-type": facts!.type };
  return writtenReply([{ media, encoding: "bytes" }], headers);
}

function streamed(c: EdgeContext, edge: Edge, prepared: Prepared, created: number): Response {
  const { request } = prepared;
  const kind = request.task === "generate" ? "image_generation" : "image_edit";
  const events = streamEvents(kind, request, created);
  return eventStream(edge, {
    beat: () => ": waiting\n\n",
    work: async (say) => {
      // Previews are looked at one after the other, so that they leave in the order in which they came.
      let previews: Promise<unknown> = Promise.resolve();
      const onPartial = (media: Media, index: number) => {
        previews = previews.then(async () => {
          const preview = { media, facts: await media.facts() };
          say(filled({ pictures: [preview] }, () => events.partial(preview, index)));
        });
      };
      try {
        const result = await run(c, edge, prepared, {
          wantsBytes: true,
          mayStream: true,
          onPartial,
          onProgress: (share) => say(progressComment(share)),
        });
        return filled(result, (result) => events.completed(result, linkTo(c, edge)));
      } finally {
        await previews.catch(() => {});
      }
    },
    fail: (error) => `data: ${JSON.stringify(errorReply(error, c.get("mode")).body)}\n\n`,
  });
}

const ImagesReply = z.object({
  created: z.int().openapi({ description: "Seconds since the Unix epoch." }),
  data: z.array(
    z.object({
      b64_json: z.string().optional(),
      url: z.string().optional(),
      revised_prompt: z.string().optional(),
    }),
  ),
  output_format: z.enum(["png", "jpeg", "webp"]).optional(),
  size: z.string().optional(),
  quality: z.string().optional(),
  background: z.string().optional(),
  usage: z.object({
    input_tokens: z.int(),
    output_tokens: z.int(),
    total_tokens: z.int(),
    input_tokens_details: z.object({ text_tokens: z.int(), image_tokens: z.int() }),
  }),
}).openapi("ImagesReply");

const ImageReference = z.union([z.string(), z.object({ image_url: z.string() })]).openapi({
  description: "A URL, a data URI, base64, or one of this gateway's own `/storage/` links.",
});
const WithImages = ImageFields.extend({
  image: z.union([ImageReference, z.array(ImageReference)]).optional(),
  images: z.array(ImageReference).optional(),
  mask: ImageReference.optional(),
}).openapi("ImageFieldsWithImages");
const json = { "application/json": { schema: WithImages } };
/** The form is read piece by piece, not by the schema's validator, so it is described for people only. */
const form = {
  "multipart/form-data": {
    schema: {
      type: "object" as const,
      required: ["image"],
      properties: {
        image: {
          type: "array" as const,
          items: { type: "string" as const, format: "binary" },
          description: "Also `image[]`, `image[0]` …",
        },
        mask: { type: "string" as const, format: "binary" },
        prompt: { type: "string" as const },
        model: { type: "string" as const },
      },
    },
  },
};
const CONTENT = {
  generations: { "application/json": { schema: ImageFields } },
  edits: { ...json, ...form },
  variations: { ...json, ...form },
  blend: { ...json, ...form },
};
