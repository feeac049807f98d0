/**
 * The services behind the router, each in its own dialect: what it is sent, and where its images are. All of it
 * as in huggingface.js, packages/inference/src/providers.
 */
import { z } from "@hono/zod-openapi";
import { Failed } from "../../core/failure.ts";
import { Media } from "../../core/media.ts";
import type { Call, Made, ReadReply, Ticket } from "../../core/provider.ts";
import type { ImageRequest } from "../../core/request.ts";
import { sizeText } from "../../core/size.ts";
import { json, parseReply } from "../call.ts";
import { readFailure } from "../failure_reading.ts";
import { type JobState, readState, type StateTable } from "../job.ts";
import { failureOf, FAILURES } from "./failures.ts";

/** How one service knows a model, as the hub tells it. */
export interface Mapping {
  /** The service. */
  provider: string;
  /** The model's id at the hub, and at the service. */
  model: string;
  providerId: string;
  status: string;
  task: string;
  /** Set to `lora` where the model is no more than weights for another one, in the file of that path. */
  adapter?: string | null;
  adapterWeightsPath?: string | null;
}

/** What is asked of a service. */
export interface Wanted {
  request: ImageRequest;
  mapping: Mapping;
  /** Merged last into what is sent. */
  params: Record<string, unknown>;
  /** The inputs as data URLs. */
  pictures: readonly string[];
  headers: Record<string, string>;
}

type Wish = "size" | "seed" | "steps" | "guidance" | "negativePrompt" | "loraWeights";

/** A service behind the router. */
export interface SubProvider {
  /** The wishes that it hears. */
  takes: readonly Wish[];
  /** Set where it takes images; which wishes it hears then, if they are others. */
  edits?: { takes?: readonly Wish[] };
  /** Headers that it wants, when it is asked and when it is asked again. */
  headers?: Record<string, string>;
  submit(wanted: Wanted, call: Call): Promise<Ticket | Made>;
  /** Asks for a job by its path at the router. */
  check?(path: string, call: Call): Promise<JobState>;
  cancel?(path: string, call: Call): Promise<unknown>;
}

const COMMON: readonly Wish[] = ["size", "seed", "steps", "guidance", "negativePrompt"];
const SEVERAL: readonly Wish[] = [...COMMON, "loraWeights"];

/** The wishes under the hub's names for them. */
function common({ seed, steps, guidance, negativePrompt }: ImageRequest) {
  return {
    seed,
    num_inference_steps: steps,
    guidance_scale: guidance,
    negative_prompt: negativePrompt,
  };
}

/** The model's own weights, where it is no more than these, and those that were wished for. */
function loras({ adapter, model }: Mapping, { loraWeights = {} }: ImageRequest, own: string) {
  const wished = Object.entries(loraWeights).filter(([path]) => path !== model);
  const all = wished.map(([path, scale]) => ({ path, scale }));
  if (adapter === "lora") all.unshift({ path: own, scale: loraWeights[model] ?? 1 });
  return all.length > 0 ? all : undefined;
}

const hfInference: SubProvider = {
  takes: COMMON,
  edits: { takes: ["size", "steps", "guidance", "negativePrompt"] },
  async submit({ request, mapping, params, pictures: [picture], headers }, call) {
    const { prompt, size } = request;
    const parameters = picture
      ? { prompt, target_size: size, ...common(request), ...params }
      : { width: size?.width, height: size?.height, ...common(request), ...params };
    return await call.post(
      `hf-inference/models/${mapping.providerId}`,
      {
        inputs: picture ? bare(picture) : prompt,
        parameters: Object.values(parameters).some((value) => value !== undefined) ? parameters : undefined,
      },
      readPicture(call),
      { headers: { ...headers, accept: "image/*, application/json" } },
    );
  },
};

const FAL_STATES = {
  IN_QUEUE: "pending",
  IN_PROGRESS: "pending",
  COMPLETED: "done",
} satisfies StateTable<string>;

const FAL_QUEUE = "_subdomain=queue";

const falAi: SubProvider = {
  takes: SEVERAL,
  edits: {},
  async submit({ request, mapping, params, pictures, headers }, call) {
    const { providerId, model, adapterWeightsPath } = mapping;
    const job = await call.post(
      `fal-ai/${providerId}?${FAL_QUEUE}`,
      {
        ...common(request),
        image_size: request.size,
        loras: loras(mapping, request, `https://huggingface.co/${model}/resolve/main/${adapterWeightsPath}`),
        model_name: providerId === "fal-ai/lora" ? "stabilityai/stable-diffusion-xl-base-1.0" : undefined,
        prompt: request.prompt,
        image_url: pictures[0],
        image_urls: pictures.length > 0 ? pictures : undefined,
        ...params,
      },
      json(FalJob),
      { headers },
    );
    // The path may differ from the one that was asked; its host is fal's, which the router stands before.
    return { id: job.request_id, url: `fal-ai${pathOf(job.response_url)}` };
  },
  async check(path, call) {
    const { status } = await call.get(`${path}/status?${FAL_QUEUE}`, json(FalStatus));
    if (readState(FAL_STATES, status) !== "done") return { state: "pending" };
    const { images, has_nsfw_concepts, seed } = await call.get(`${path}?${FAL_QUEUE}`, json(FalResult));
    if (has_nsfw_concepts?.[0]) throw new Failed({ kind: "refused", message: "its safety checker struck" });
    return {
      state: "done",
      made: {
        images: images.map(({ url }) => ({ media: mediaOf(url, call), seed: seed ?? undefined })),
      },
    };
  },
  cancel: (path, call) => call.send("PUT", `${path}/cancel?${FAL_QUEUE}`, undefined, ignore),
};

const together: SubProvider = {
  takes: COMMON,
  edits: {},
  async submit({ request, mapping, params, pictures, headers }, call) {
    const { num_inference_steps: steps, ...rest } = common(request);
    // FLUX.1 Kontext knows but one image, and that under a name of its own.
    const isKontext = /flux\.1.*kontext|kontext.*flux\.1/i.test(mapping.providerId);
    const images = isKontext ? { image_url: pictures[0] } : { reference_images: pictures };
    return await call.post(
      "together/v1/images/generations",
      {
        ...rest,
        steps,
        width: request.size?.width,
        height: request.size?.height,
        prompt: request.prompt,
        response_format: "base64",
        model: mapping.providerId,
        ...pictures.length > 0 ? images : {},
        ...params,
      },
      readPicture(call),
      { headers },
    );
  },
};

const nscale: SubProvider = {
  takes: [],
  async submit({ request, mapping, params, headers }, call) {
    return await call.post(
      "nscale/v1/images/generations",
      {
        response_format: "b64_json",
        prompt: request.prompt,
        model: mapping.providerId,
        ...params,
      },
      readPicture(call),
      { headers },
    );
  },
};

const REPLICATE_STATES = {
  starting: "pending",
  processing: "pending",
  succeeded: "done",
  successful: "done",
  failed: "overloaded",
  canceled: "overloaded",
  aborted: "overloaded",
} satisfies StateTable<string>;

const replicate: SubProvider = {
  takes: COMMON,
  edits: {},
  headers: { prefer: "wait" },
  async submit({ request, mapping, params, pictures, headers }, call) {
    const [model, version] = mapping.providerId.split(":");
    const images = pictures.length > 0
      ? { image: pictures[0], images: pictures, input_image: pictures[0], input_images: pictures }
      : {};
    const prediction = await call.post(
      version === undefined ? `replicate/v1/models/${model}/predictions` : "replicate/v1/predictions",
      {
        input: {
          ...common(request),
          width: request.size?.width,
          height: request.size?.height,
          ...images,
          prompt: request.prompt,
          lora_weights: mapping.adapter === "lora" && mapping.adapterWeightsPath
            ? `https://huggingface.co/${mapping.model}`
            : undefined,
          ...params,
        },
        version,
      },
      json(Prediction),
      { headers },
    );
    const said = readPrediction(prediction, call);
    if (said.state === "done") return said.made;
    return { id: prediction.id ?? "", url: `replicate/v1/predictions/${prediction.id}` };
  },
  check: async (path, call) => readPrediction(await call.get(path, json(Prediction)), call),
};

function readPrediction({ status, output, error }: z.infer<typeof Prediction>, call: Call): JobState {
  const urls = [output ?? []].flat();
  if (urls.length > 0) return { state: "done", made: madeOf(urls, call) };
  const state = readState(REPLICATE_STATES, status ?? "succeeded");
  if (error || (state !== "pending" && state !== "done")) {
    throw failureOf(error || `the prediction ${status}`);
  }
  return state === "done" ? { state, made: madeOf([], call) } : { state: "pending" };
}

const WAVESPEED_STATES = {
  created: "pending",
  processing: "pending",
  completed: "done",
  failed: "overloaded",
} satisfies StateTable<string>;

const wavespeed: SubProvider = {
  takes: SEVERAL,
  edits: {},
  async submit({ request, mapping, params, pictures, headers }, call) {
    const base64 = pictures.map(bare);
    const { data } = await call.post(
      `wavespeed/api/v3/${mapping.providerId}`,
      {
        ...common(request),
        size: request.size && `${request.size.width}*${request.size.height}`,
        loras: loras(mapping, request, mapping.model),
        image: base64[0],
        images: base64.length > 0 ? base64 : undefined,
        prompt: request.prompt,
        ...params,
      },
      readWavespeed,
      { headers },
    );
    const path = data.urls ? pathOf(data.urls.get) : `/api/v3/predictions/${data.id}/result`;
    return { id: data.id, url: `wavespeed${path}` };
  },
  async check(path, call) {
    const { data } = await call.get(path, readWavespeed);
    const state = readState(WAVESPEED_STATES, data.status ?? "created");
    if (state === "pending") return { state };
    const isRefused = data.has_nsfw_contents?.[0] && !data.outputs?.length;
    if (state !== "done" || isRefused) {
      throw failureOf(data.error || (isRefused ? "nsfw contents" : "the task failed"));
    }
    return { state, made: madeOf(data.outputs ?? [], call) };
  },
};

const ZAI_STATES = {
  PROCESSING: "pending",
  SUCCESS: "done",
  FAIL: "overloaded",
} satisfies StateTable<string>;

const ZAI_HEADERS = { "x-source-channel": "hugging_face", "accept-language": "en-US,en" };

const zaiOrg: SubProvider = {
  takes: ["size"],
  headers: ZAI_HEADERS,
  async submit({ request, mapping, params, headers }, call) {
    const task = await call.post(
      "zai-org/api/paas/v4/async/images/generations",
      {
        prompt: request.prompt,
        model: mapping.providerId,
        size: request.size && sizeText(request.size),
        ...params,
      },
      json(ZaiTask),
      { headers },
    );
    if (readState(ZAI_STATES, task.task_status) === "overloaded") throw failureOf("the task failed");
    return { id: task.id, url: `zai-org/api/paas/v4/async-result/${task.id}` };
  },
  async check(path, call) {
    const { task_status, image_result } = await call.get(path, json(ZaiResult), { headers: ZAI_HEADERS });
    const state = readState(ZAI_STATES, task_status);
    if (state === "pending") return { state };
    if (state !== "done") throw failureOf("the task failed");
    return { state, made: madeOf((image_result ?? []).map(({ url }) => url), call) };
  },
};

/** All services that are spoken to, by the router's names for them. */
export const SUB_PROVIDERS: Readonly<Record<string, SubProvider>> = {
  "hf-inference": hfInference,
  "fal-ai": falAi,
  together,
  nscale,
  replicate,
  wavespeed,
  "zai-org": zaiOrg,
};

/** An answer that is the picture, or JSON that holds one. */
function readPicture(call: Call): ReadReply<Made> {
  return async (response) => {
    const type = response.headers.get("content-type") ?? "";
    if (type.startsWith("image/")) {
      return { images: [{ media: Media.fromBytes(await response.bytes()) }] };
    }
    const { data, output } = await json(Pictures)(response);
    const named = [...data?.flatMap(({ url }) => url ?? []) ?? [], ...output ?? []];
    const inline = data?.flatMap(({ b64_json }) => b64_json ?? []) ?? [];
    return {
      images: [
        ...inline.map((base64) => ({ media: Media.fromBase64(base64) })),
        ...madeOf(named, call).images,
      ],
    };
  };
}

/** The envelope tells of failures with status 200. */
async function readWavespeed(response: Response): Promise<z.infer<typeof WavespeedTask>> {
  const body = await json(z.looseObject({ code: z.number().optional() }))(response);
  if (body.code !== undefined && body.code >= 400) {
    throw new Failed(readFailure({ status: body.code, body: JSON.stringify(body) }, FAILURES));
  }
  return parseReply(WavespeedTask, body, response.status);
}

const ignore = async (response: Response) => await response.body?.cancel();

function madeOf(urls: readonly string[], call: Call): Made {
  return { images: urls.map((url) => ({ media: mediaOf(url, call) })) };
}

function mediaOf(url: string, call: Call): Media {
  return url.startsWith("data:") ? Media.fromBase64(bare(url)) : call.image(url);
}

/** The base64 text of a data URL. */
function bare(dataUrl: string): string {
  return dataUrl.slice(dataUrl.indexOf(",") + 1);
}

/** @throws Failed `malformed_reply` */
function pathOf(address: string): string {
  const path = URL.parse(address)?.pathname;
  if (path !== undefined) return path;
  throw new Failed({ kind: "malformed_reply", message: `no address: ${address.slice(0, 80)}` });
}

const Pictures = z.object({
  data: z.array(z.object({ b64_json: z.string().nullish(), url: z.string().nullish() })).nullish(),
  output: z.array(z.string()).nullish(),
});

const FalJob = z.object({ request_id: z.string(), response_url: z.string() });

const FalStatus = z.object({ status: z.string() });

const FalResult = z.object({
  images: z.array(z.object({ url: z.string() })),
  seed: z.number().nullish(),
  has_nsfw_concepts: z.array(z.boolean()).nullish(),
});

const Prediction = z.object({
  id: z.string().optional(),
  status: z.string().optional(),
  output: z.union([z.string(), z.array(z.string())]).nullish(),
  error: z.string().nullish(),
});

const WavespeedTask = z.object({
  data: z.object({
    id: z.string(),
    urls: z.object({ get: z.string() }).nullish(),
    status: z.string().optional(),
    outputs: z.array(z.string()).nullish(),
    error: z.string().nullish(),
    has_nsfw_contents: z.array(z.boolean()).nullish(),
  }),
});

const ZaiTask = z.object({ id: z.string(), task_status: z.string() });

const ZaiResult = z.object({
  task_status: z.string(),
  image_result: z.array(z.object({ url: z.string() })).nullish(),
});
