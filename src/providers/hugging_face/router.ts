/**
 * The inference router: who serves a model, and as what, is asked of the hub; then that service is spoken to in
 * its own dialect, with the hub's token.
 */
import { z } from "@hono/zod-openapi";
import { Failed } from "../../core/failure.ts";
import { spellingOf } from "../../core/fit.ts";
import type { Call, Made, Operation, Ticket } from "../../core/provider.ts";
import type { ImageRequest, Wishes } from "../../core/request.ts";
import { json } from "../call.ts";
import { job } from "../job.ts";
import { Cache, type CacheLimits } from "./cache.ts";
import { type Mapping, SUB_PROVIDERS, type SubProvider } from "./sub_providers.ts";

/** Where the router is. */
export const ROUTER_URL = "https://router.huggingface.co";
const HUB_URL = "https://huggingface.co";

/** What the hub calls the work. */
const HUB_TASKS = {
  generate: ["text-to-image", "image-text-to-image"],
  edit: ["image-to-image", "image-text-to-image"],
};

/** Makes the operation that goes by the router. What the hub said of a model is believed for some minutes. */
export function createRouter(limits?: CacheLimits): Operation {
  const mappings = new Cache<Mapping[]>(limits);

  async function submit(request: ImageRequest, call: Call): Promise<Ticket | Made> {
    const { model, wanted, billTo, params } = readChoice(request);
    const hub = call.baseUrl === ROUTER_URL ? HUB_URL : call.baseUrl;
    const name = `${hub}/${model}`;
    const known = await mappings.get(name, call.now(), () => askHub(hub, model, call));
    const mapping = choose(known, model, request.inputs.length > 0 ? "edit" : "generate", wanted);
    const service = SUB_PROVIDERS[mapping.provider]!;
    try {
      return await service.submit({
        request: leaveOut(request, mapping.provider, service, call),
        mapping,
        params,
        pictures: await Promise.all(request.inputs.map((input) => input.dataUrl(call.signal))),
        headers: { ...service.headers, ...billTo && { "x-hf-bill-to": billTo } },
      }, call);
    } catch (error) {
      if (error instanceof Failed && error.failure.kind === "model_not_found") mappings.forget(name);
      throw error;
    }
  }

  return job({
    submit,
    check: (ticket, call) => serviceOf(ticket).check!(ticket.url!, call),
    cancel: (ticket, call) => serviceOf(ticket).cancel?.(ticket.url!, call) ?? Promise.resolve(),
    pace: { first: 500, most: 5000 },
  });
}

/** The service that took a job: the first part of its path at the router. */
function serviceOf({ url }: Ticket): SubProvider {
  return SUB_PROVIDERS[url!.slice(0, url!.indexOf("/"))]!;
}

/** Who is to serve a model, and at whose cost: `model:service`, or `provider` and `bill_to` among the parameters. */
function readChoice(request: ImageRequest) {
  const [model = "", suffix] = request.model.split(":");
  const { provider, bill_to, ...params } = request.providerParams;
  const wanted = typeof provider === "string" && provider !== "auto" ? provider : suffix;
  return { model, wanted, billTo: typeof bill_to === "string" ? bill_to : undefined, params };
}

/** https://huggingface.co/docs/inference-providers/hub-api: once an object, now a list in the user's order. */
async function askHub(hub: string, model: string, call: Call): Promise<Mapping[]> {
  const path = model.split("/").map(encodeURIComponent).join("/");
  const said = await call.get(
    `${hub}/api/models/${path}?expand[]=inferenceProviderMapping`,
    json(HubReply),
  );
  const rows = said.inferenceProviderMapping ?? [];
  return Array.isArray(rows)
    ? rows.map((row) => ({ ...row, model }))
    : Object.entries(rows).map(([provider, row]) => ({ ...row, provider, model }));
}

/** The mapping to use: the wanted one, else the first that is live. @throws Failed `model_not_found` */
function choose(
  mappings: readonly Mapping[],
  model: string,
  work: keyof typeof HUB_TASKS,
  wanted: string | undefined,
): Mapping {
  const able = mappings.filter(({ provider, task }) =>
    HUB_TASKS[work].includes(task) && Object.hasOwn(SUB_PROVIDERS, provider) &&
    (work === "generate" || SUB_PROVIDERS[provider]!.edits)
  );
  const found = wanted === undefined
    ? able.find(({ status }) => status === "live")
    : able.find(({ provider }) => provider === wanted);
  if (found) return found;
  const others = able.map(({ provider }) => provider).join(", ") || "nobody that is known here";
  const what = work === "edit" ? "edits with" : "pictures from words by";
  throw new Failed({
    kind: "model_not_found",
    message: `${wanted ?? "no service"} offers ${what} ${model} at the router; asked could be: ${others}`,
  });
}

/** Wishes that this service can't hear are left out, and told: rows list what any of them can. */
function leaveOut(request: ImageRequest, name: string, service: SubProvider, call: Call): ImageRequest {
  const heard: ImageRequest = { ...request };
  const takes = request.inputs.length > 0 && service.edits?.takes || service.takes;
  for (const wish of ROUTED_WISHES) {
    if (heard[wish] === undefined || takes.includes(wish)) continue;
    call.note(`${wish === "size" ? wish : spellingOf(wish)}: not offered by ${name}, left out`);
    delete heard[wish];
  }
  return heard;
}

const ROUTED_WISHES = [
  "size",
  "seed",
  "steps",
  "guidance",
  "negativePrompt",
  "loraWeights",
] as const satisfies (keyof Wishes | "size")[];

const MappingReply = z.object({
  providerId: z.string(),
  status: z.string(),
  task: z.string(),
  adapter: z.string().nullish(),
  adapterWeightsPath: z.string().nullish(),
});

const HubReply = z.object({
  inferenceProviderMapping: z.union([
    z.array(MappingReply.extend({ provider: z.string() })),
    z.record(z.string(), MappingReply),
  ]).nullish(),
});
