/**
 * ComfyUI on RunPod runs graphs of nodes, and each is another one. So the caller sends the graph with marks in it,
 * such as `"text": "{{prompt}}"`, and they are filled in here.
 */
import { Failed } from "../core/failure.ts";
import type { Media } from "../core/media.ts";
import type { ImageRequest } from "../core/request.ts";

/**
 * The input of worker-comfyui for a graph in ComfyUI's API form. Marks are `{{prompt}}`, `{{negative_prompt}}`,
 * `{{seed}}` (drawn where nobody sent one), `{{width}}` and `{{height}}` (1024), `{{steps}}`, `{{guidance_scale}}`;
 * `{{image}}` or `{{image1}}`, `{{image2}}` … and `{{mask}}` stand for names of files, for nodes that load images.
 * A text that is nothing but a mark becomes the value itself, so numbers stay numbers.
 * @throws Failed `invalid_request` where there is no graph, or a mark in it for which the request has nothing
 */
export async function comfyUiInput(
  request: ImageRequest,
  workflow: unknown,
  signal: AbortSignal,
): Promise<Record<string, unknown>> {
  if (typeof workflow !== "object" || workflow === null || Array.isArray(workflow)) {
    throw invalid("expected the graph in ComfyUI's API form, as an object");
  }
  const pictures: [mark: string, media: Media][] = request.inputs.map((
    media,
    index,
  ) => [`image${index + 1}`, media]);
  if (request.mask) pictures.push(["mask", request.mask]);
  const images = await Promise.all(
    pictures.map(async ([mark, media]) => ({ name: `${mark}.png`, image: await media.dataUrl(signal) })),
  );
  const values = valuesOf(request, pictures.map(([mark]) => mark));
  return { workflow: fill(workflow, values), ...images.length > 0 && { images } };
}

type Values = ReadonlyMap<string, string | number | undefined>;

function valuesOf(request: ImageRequest, marks: readonly string[]): Values {
  const { width, height } = request.size ?? { width: 1024, height: 1024 };
  return new Map<string, string | number | undefined>([
    ["prompt", request.prompt],
    ["negative_prompt", request.negativePrompt ?? ""],
    ["seed", request.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!],
    ["width", width],
    ["height", height],
    ["steps", request.steps],
    ["guidance_scale", request.guidance],
    ["image", marks.includes("image1") ? "image1.png" : undefined],
    ["mask", undefined],
    ...marks.map((mark) => [mark, `${mark}.png`] as const),
  ]);
}

function fill(node: unknown, values: Values): unknown {
  if (Array.isArray(node)) return node.map((part) => fill(part, values));
  if (typeof node === "object" && node !== null) {
    return Object.fromEntries(Object.entries(node).map(([name, part]) => [name, fill(part, values)]));
  }
  if (typeof node !== "string") return node;
  const whole = /^\{\{(\w+)\}\}$/.exec(node)?.[1];
  if (whole !== undefined) return valueOf(whole, values);
  return node.replace(/\{\{(\w+)\}\}/g, (_mark, name: string) => String(valueOf(name, values)));
}

function valueOf(name: string, values: Values): string | number {
  const value = values.get(name);
  if (value !== undefined) return value;
  throw invalid(
    values.has(name) || /^image\d+$/.test(name)
      ? `it has the mark {{${name}}}, and the request has no ${name}`
      : `the mark {{${name}}} is not known`,
  );
}

function invalid(reason: string): Failed {
  return new Failed({
    kind: "invalid_request",
    param: "provider_params.workflow",
    code: "invalid_value",
    message: `Invalid 'provider_params.workflow': ${reason}`,
  });
}
