/** `/api/config` in img-router's shape: providers, what they can do, and the settings. */
import { z } from "@hono/zod-openapi";
import { shownSettings } from "../../admin/settings_mask.ts";
import { canDo, type Model, type Provider } from "../../core/provider.ts";
import type { Task } from "../../core/request.ts";
import type { Admin } from "./admin.ts";

const Models = z.array(z.string());
const ProviderEntry = z.object({
  name: z.string(),
  enabled: z.boolean(),
  capabilities: z.object({
    textToImage: z.boolean(),
    imageToImage: z.boolean(),
    multiImageFusion: z.boolean(),
    asyncTask: z.boolean(),
    maxInputImages: z.int(),
    maxOutputImages: z.int(),
    maxNativeOutputImages: z.int(),
    maxEditOutputImages: z.int(),
    maxBlendOutputImages: z.int(),
    outputFormats: z.array(z.string()),
  }),
  textModels: Models,
  editModels: Models,
  blendModels: Models,
  defaultModel: z.string(),
  defaultEditModel: z.string(),
  defaultBlendModel: z.string(),
  defaultSize: z.string(),
  defaultEditSize: z.string(),
  defaultBlendSize: z.string(),
  supportsQuality: z.boolean(),
});

/** The shape of the reply. */
export const ConfigReply = z.object({
  version: z.string(),
  textModels: Models,
  supportedSizes: z.array(z.string()),
  providers: z.array(ProviderEntry),
  runtimeConfig: z.record(z.string(), z.unknown()),
  port: z.int(),
  timeout: z.int(),
  maxBody: z.int(),
  defaultModel: z.string(),
  defaultSize: z.string(),
  defaultQuality: z.string(),
  doubaoConfigured: z.boolean(),
  giteeConfigured: z.boolean(),
  modelscopeConfigured: z.boolean(),
  hfConfigured: z.boolean(),
  pollinationsConfigured: z.boolean(),
  newapiConfigured: z.boolean(),
  globalAccessKeyConfigured: z.boolean(),
  cors: z.boolean(),
  logging: z.boolean(),
  verboseLogging: z.boolean(),
  healthCheck: z.boolean(),
}).openapi("Config");

/** Images a request may ask for; more than a model makes at once come from several calls. */
const MOST_IMAGES = 10;

/** Says what there is. */
export function configReply(
  { version, settings, catalogue, pools, providers }: Admin,
): z.infer<typeof ConfigReply> {
  const { system } = settings.current;
  const enabled = catalogue.providers.flatMap((provider) => catalogue.modelsOf(provider));
  const hasKey = (name: string) =>
    providers.some((provider) => provider.name === name && pools.pool(provider).has());
  return {
    version: `v${version}`,
    textModels: idsFor(enabled, "generate"),
    supportedSizes: [
      ...new Set(enabled.flatMap(({ sizes }) => sizes?.kind === "listed" ? sizes.sizes : [])),
    ],
    providers: providers.map((provider) =>
      entry(provider, catalogue.modelsOf(provider), settings.current.providers[provider.name]!)
    ),
    runtimeConfig: shownSettings(settings),
    port: system.port,
    timeout: system.apiTimeout,
    maxBody: system.maxBodySize,
    defaultModel: "auto",
    defaultSize: "",
    defaultQuality: "standard",
    doubaoConfigured: hasKey("Doubao"),
    giteeConfigured: hasKey("Gitee"),
    modelscopeConfigured: hasKey("ModelScope"),
    hfConfigured: hasKey("HuggingFace"),
    pollinationsConfigured: hasKey("Pollinations"),
    newapiConfigured: hasKey("NewApi"),
    globalAccessKeyConfigured: system.globalAccessKey !== "",
    cors: system.cors,
    logging: system.requestLogging,
    verboseLogging: system.logLevel === "debug",
    healthCheck: system.healthCheck,
  };
}

interface TaskDefaults {
  model?: string;
  size?: string;
}

function entry(
  { name, defaults = {} }: Provider,
  models: readonly Model[],
  { enabled, text, edit, blend }: {
    enabled: boolean;
    text: TaskDefaults;
    edit: TaskDefaults;
    blend: TaskDefaults;
  },
): z.infer<typeof ProviderEntry> {
  const modelFor = (task: Task, { model }: TaskDefaults) =>
    model ?? defaults[task] ?? idsFor(models, task)[0] ?? "";
  const can = (task: Task) => models.some((model) => canDo(model, task));
  const most = (count: (model: Model) => number) => Math.max(0, ...models.map(count));
  return {
    name,
    enabled,
    capabilities: {
      textToImage: can("generate"),
      imageToImage: can("edit"),
      multiImageFusion: can("blend"),
      asyncTask: false,
      maxInputImages: most((model) => canDo(model, "edit") ? model.maxInputs ?? 1 : 0),
      maxOutputImages: MOST_IMAGES,
      maxNativeOutputImages: most((model) => model.maxImages ?? 1),
      maxEditOutputImages: can("edit") ? MOST_IMAGES : 0,
      maxBlendOutputImages: can("blend") ? MOST_IMAGES : 0,
      outputFormats: ["url", "b64_json"],
    },
    textModels: idsFor(models, "generate"),
    editModels: idsFor(models, "edit"),
    blendModels: idsFor(models, "blend"),
    defaultModel: modelFor("generate", text),
    defaultEditModel: modelFor("edit", edit),
    defaultBlendModel: modelFor("blend", blend),
    defaultSize: text.size ?? "",
    defaultEditSize: edit.size ?? "",
    defaultBlendSize: blend.size ?? "",
    supportsQuality: models.some(({ qualities, wishes }) =>
      qualities !== undefined || wishes?.includes("quality")
    ),
  };
}

function idsFor(models: readonly Model[], task: Task): string[] {
  return [...new Set(models.filter((model) => canDo(model, task)).map(({ id }) => id))];
}
