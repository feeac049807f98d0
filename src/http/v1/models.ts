/** `/v1/models`: what can be asked for, from memory. */
import { z } from "@hono/zod-openapi";
import type { Model, Provider } from "../../core/provider.ts";
import type { Task } from "../../core/request.ts";
import type { Catalogue } from "../../routing/catalogue.ts";
import { documented, type EdgeApp, errorResponses } from "../documented.ts";
import type { Edge } from "../edge.ts";
import { HttpFault } from "../errors.ts";

/** Clients sort by this; models have no better date here. */
const CREATED = Date.UTC(2026, 0, 1) / 1000;
const CONTEXT_LENGTH = 32_000;

/** Adds the model list. It needs no key: clients ask for it before they have one. */
export function addModels(app: EdgeApp, edge: Edge): void {
  documented(app, {
    method: "get",
    path: "/v1/models",
    tags: ["Models"],
    summary: "List the models that can be asked for",
    responses: {
      200: {
        description: "Models, aliases and `auto`.",
        content: {
          "application/json": { schema: z.object({ object: z.literal("list"), data: z.array(ModelReply) }) },
        },
      },
    },
  }, (c) => c.json({ object: "list", data: listModels(edge.catalogue()) }));
  documented(app, {
    method: "get",
    path: "/v1/models/{id}",
    tags: ["Models"],
    summary: "Look at one model",
    // Ids hold slashes, so everything that follows belongs to the id.
    request: { params: z.object({ id: z.string() }) },
    responses: {
      200: { description: "The model.", content: { "application/json": { schema: ModelReply } } },
      404: errorResponses[404],
    },
  }, (c) => c.json(oneModel(edge.catalogue(), c.req.param("id") ?? "")));
  app.get(
    "/v1/models/:owner/:id{.+}",
    (c) => c.json(oneModel(edge.catalogue(), `${c.req.param("owner")}/${c.req.param("id")}`)),
  );
}

function oneModel(catalogue: Catalogue, id: string): ModelEntry {
  const found = listModels(catalogue).find((model) => model.id === id);
  if (found) return found;
  throw new HttpFault(404, {
    message: `The model "${id.slice(0, 128)}" does not exist here; GET /v1/models lists those that do`,
    param: "model",
    code: "model_not_found",
  });
}

function listModels(catalogue: Catalogue): ModelEntry[] {
  const entries = new Map<string, ModelEntry>();
  const all = catalogue.providers.flatMap((provider) =>
    catalogue.modelsOf(provider).map((model) => ({ provider, model }))
  );
  entries.set("auto", entry("auto", "imgrouter", all.flatMap(({ model }) => model.tasks)));
  for (const { name, task, provider } of catalogue.aliases()) {
    const tasks: Task[] = [task === "text" ? "generate" : task];
    entries.set(name, entry(name, provider.name, [...entries.get(name)?.tasks ?? [], ...tasks]));
  }
  for (const { provider, model } of all) {
    const before = entries.get(model.id);
    if (before) before.providers.push(provider.name);
    else entries.set(model.id, describe(provider, model));
  }
  return [...entries.values()];
}

function describe(provider: Provider, model: Model): ModelEntry {
  return {
    ...entry(model.id, provider.name, model.tasks),
    pricing: model.prices,
    ...model.retires && { shutdown_date: model.retires },
  };
}

function entry(id: string, owner: string, tasks: readonly Task[]): ModelEntry {
  const takesImages = tasks.some((task) => task !== "generate");
  return {
    id,
    object: "model",
    created: CREATED,
    owned_by: owner,
    name: id,
    context_length: CONTEXT_LENGTH,
    architecture: {
      input_modalities: takesImages ? ["text", "image"] : ["text"],
      output_modalities: ["image"],
    },
    tasks: [...new Set(tasks)],
    providers: owner === "imgrouter" ? [] : [owner],
  };
}

const ModelReply = z.object({
  id: z.string(),
  object: z.literal("model"),
  created: z.int(),
  owned_by: z.string(),
  name: z.string(),
  context_length: z.int(),
  architecture: z.object({ input_modalities: z.array(z.string()), output_modalities: z.array(z.string()) }),
  tasks: z.array(z.string()).openapi({ description: "generate, edit, blend, variation" }),
  providers: z.array(z.string()),
  pricing: z.unknown().optional().openapi({
    description: "US-dollars per image, megapixel or million tokens; absent = unknown.",
  }),
  shutdown_date: z.string().optional(),
}).openapi("Model");

type ModelEntry = Omit<z.infer<typeof ModelReply>, "tasks"> & { tasks: Task[] };
