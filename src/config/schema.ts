/**
 * Every setting there is: its shape, its default, and what people are told about it, in one place. Names of
 * variables, the documentation and the panel's form are read from here, so that they can't drift apart.
 */
import ipaddr from "ipaddr.js";
import { z } from "zod";
import { DEFAULT_DATA_DIR } from "./environment.ts";
import { EXPAND_PROMPT, TRANSLATE_PROMPT } from "./optimizer_prompts.ts";
import type { ProviderIdentity } from "./provider_identity.ts";

/** What is known of a setting besides its shape. */
export interface About {
  /** A short name for forms. */
  title: string;
  /** One sentence for documentation, with the unit. */
  description: string;
  /** The variable that sets it; several are lists that are joined. */
  env?: string | string[];
  /** A variable that sets the default of this setting for all providers at once. */
  envDefault?: string;
  /** Read from the environment alone; a member of that name in the file has no effect. */
  environmentOnly?: true;
  /** Never shown. */
  secret?: true;
  /** Takes effect at the next start. */
  restart?: true;
  /** What is allowed, where the shape does not say it. */
  expected?: string;
  /** Values that img-router wrote into files without meaning them; read as absent there. */
  ignoredInFile?: number[];
  /** Other words for one of the choices. */
  synonyms?: Record<string, string>;
}

/** What is known about each setting, found by its schema. */
export const abouts = z.registry<About>();

/** The whole configuration for these providers. `parse({})` gives the built-in one. */
export function configSchema(providers: readonly ProviderIdentity[]) {
  const settings = Object.fromEntries(providers.map((provider) => [provider.name, providerSchema(provider)]));
  return z.object({
    system: systemSchema(),
    routing: routingSchema(),
    providers: z.object(settings).prefault({}),
    keyPools: z.record(z.string(), z.array(z.unknown()).nullable()).default({}).register(abouts, {
      title: "Keys to move",
      description: "Provider keys written into the file; they are moved into the key store.",
      secret: true,
      expected: "an object with a list of keys for each provider",
    }),
    hfModelMap: z.record(z.string(), spacesSchema().nullable()).default({}).register(abouts, {
      title: "Spaces by model",
      description: "Addresses of Hugging Face Spaces by model id; backup is asked where main fails.",
      expected: "an object with main and backup, http:// or https:// addresses, for each model",
    }),
    promptOptimizer: optimizerSchema(),
    storage: storageSchema(),
    imageBed: z.object({
      baseUrl: httpUrl().optional().register(abouts, {
        env: "IMAGE_BED_BASE_URL",
        title: "Image bed",
        description: "Address of your own image bed, for providers that take inputs by address alone.",
      }),
      authCode: z.string().optional().register(abouts, {
        env: "IMAGE_BED_AUTH_CODE",
        secret: true,
        title: "Code of the image bed",
        description: "Its API token or upload code.",
      }),
      uploadFolder: z.string().default("imgrouter").register(abouts, {
        env: "IMAGE_BED_UPLOAD_FOLDER",
        title: "Folder in the image bed",
        description: "Folder that inputs are uploaded to.",
      }),
      uploadChannel: z.string().optional().register(abouts, {
        env: "IMAGE_BED_UPLOAD_CHANNEL",
        title: "Channel of the image bed",
        description: "Where the bed keeps them, such as telegram, cfr2 or s3; absent = its own choice.",
      }),
    }).prefault({}),
    history: z.object({
      retentionDays: z.int().min(1).default(30).register(abouts, {
        title: "Days of history",
        description: "How long requests and their attempts are remembered, in days.",
      }),
    }).prefault({}),
    security: z.object({
      allowHosts: z.array(z.string().refine(isHostOrRange)).default([]).register(abouts, {
        env: "ALLOW_HOSTS",
        title: "Private hosts that may be fetched from",
        description:
          "Private hosts that user- or provider-given addresses may name: host, host:port or CIDR.",
        expected: "a list of host, host:port or CIDR",
      }),
    }).prefault({}),
    update: z.object({
      url: httpUrl().default("https://api.github.com/repos/imgrouter/imgrouter/releases/latest").register(
        abouts,
        {
          title: "Releases",
          description: "Where the latest release is asked for, when somebody looks for updates.",
        },
      ),
    }).prefault({}),
    dataDir: z.string().min(1).default(DEFAULT_DATA_DIR).register(abouts, {
      env: "DATA_DIR",
      environmentOnly: true,
      restart: true,
      title: "Data folder",
      description: "Folder of settings, database and images.",
    }),
    secretKey: z.string().min(1).optional().register(abouts, {
      env: "SECRET_KEY",
      environmentOnly: true,
      secret: true,
      restart: true,
      title: "Secret key",
      description: "Encrypts stored provider keys and signs sessions; made and kept in DATA_DIR when absent.",
    }),
    adminPassword: z.string().min(12).max(1024).optional().register(abouts, {
      env: "ADMIN_PASSWORD",
      environmentOnly: true,
      secret: true,
      restart: true,
      title: "Password of the admin",
      description: "Password for the panel, 12 characters or more; chosen by a printed link when absent.",
      expected: "12 to 1024 characters",
    }),
  });
}

/** All settings, with defaults filled in. */
export type Config = z.output<ReturnType<typeof configSchema>>;

/** Settings of one provider. */
export type ProviderSettings = z.output<ReturnType<typeof providerSchema>>;

/** Defaults and weight of one provider for one task. */
export type TaskSettings = ProviderSettings["text"];

function systemSchema() {
  return z.object({
    port: z.int().min(0).max(65535).default(10001).register(abouts, {
      env: "PORT",
      restart: true,
      title: "Port",
      description: "Port to listen on; 0 takes any free one.",
    }),
    host: z.string().min(1).default("0.0.0.0").register(abouts, {
      env: "HOST",
      restart: true,
      title: "Host",
      description: "Address to listen on.",
    }),
    publicBaseUrl: httpUrl().optional().register(abouts, {
      env: "PUBLIC_BASE_URL",
      title: "Public address",
      description: "What clients see, for links in replies; taken from the request when absent.",
    }),
    trustedProxies: z.array(z.string().refine(isAddressOrRange)).default([]).register(abouts, {
      env: "TRUSTED_PROXIES",
      title: "Trusted proxies",
      description: "Proxies whose X-Forwarded headers are believed: IP addresses or CIDR, comma-separated.",
      expected: "a list of IP addresses or CIDR",
    }),
    apiTimeout: z.int().min(1).default(60_000).register(abouts, {
      env: "API_TIMEOUT_MS",
      title: "Time limit of a provider call",
      description: "Limit of one call to a provider, in ms; a model may declare a longer one.",
    }),
    maxBodySize: z.int().min(1).default(52_428_800).register(abouts, {
      env: "MAX_BODY_BYTES",
      title: "Largest request",
      description: "Largest request body, in bytes.",
      // img-router's first-run value, which it never enforced: nobody chose it.
      ignoredInFile: [20_971_520],
    }),
    cors: z.boolean().default(true).register(abouts, {
      title: "CORS",
      description: "Whether pages of other origins may call the client API.",
    }),
    requestLogging: z.boolean().default(true).register(abouts, {
      title: "Request log",
      description: "Whether each request gets a line in the log.",
    }),
    healthCheck: z.boolean().default(true).register(abouts, {
      title: "Health check",
      description: "Whether /health answers.",
    }),
    modes: z.object({
      relay: z.boolean().default(true).register(abouts, {
        env: "RELAY_MODE",
        title: "Relay mode",
        description: "Whether callers may bring a provider's own key.",
      }),
      backend: z.boolean().optional().register(abouts, {
        env: "BACKEND_MODE",
        title: "Backend mode",
        description:
          "Whether client keys are served from the pools; absent = as soon as there is a client key.",
      }),
    }).prefault({}),
    globalAccessKey: z.string().default("").register(abouts, {
      env: "GLOBAL_ACCESS_KEY",
      secret: true,
      title: "Global access key",
      description: "One client key for everybody.",
    }),
    clientKeys: z.array(z.string().min(1)).default([]).register(abouts, {
      env: ["GATEWAY_API_KEYS", "PROXY_AUTH_KEYS"],
      secret: true,
      title: "Client keys",
      description: "Keys of clients, comma-separated.",
    }),
    allowAnonymous: z.boolean().default(false).register(abouts, {
      env: "ALLOW_ANONYMOUS",
      title: "Serve anybody",
      description: "Whether backend mode serves callers without a key.",
    }),
    logLevel: z.enum(["debug", "info", "warning", "error"]).default("info").register(abouts, {
      env: "LOG_LEVEL",
      title: "Log level",
      description: "The least that is logged: debug, info, warning or error.",
      synonyms: { warn: "warning" },
    }),
    logFormat: z.enum(["text", "json"]).default("text").register(abouts, {
      env: "LOG_FORMAT",
      restart: true,
      title: "Log format",
      description: "Log lines for people (text) or machines (json).",
    }),
    metrics: z.boolean().default(true).register(abouts, {
      title: "Metrics",
      description: "Whether /metrics answers with figures for Prometheus.",
    }),
    metricsToken: z.string().min(1).optional().register(abouts, {
      env: "METRICS_TOKEN",
      secret: true,
      title: "Token for metrics",
      description: "Bearer token that /metrics asks for; open to anybody when absent.",
    }),
    shutdownGrace: z.int().min(0).default(30_000).register(abouts, {
      env: "SHUTDOWN_GRACE_MS",
      title: "Time to finish",
      description: "How long running requests may take to finish after a stop signal, in ms.",
    }),
    keepAlive: z.boolean().default(false).register(abouts, {
      title: "Keep long replies alive",
      description: "Pads long non-stream JSON replies with blanks, which settles their status at 200 early.",
    }),
    heartbeat: z.object({
      kind: z.enum(["comment", "empty", "zero-width"]).default("comment").register(abouts, {
        title: "Kind of heartbeat",
        description: "What streams send while they wait: comment, empty (delta) or zero-width (text).",
      }),
      interval: z.int().min(100).default(12_000).register(abouts, {
        title: "Time between heartbeats",
        description: "Pause between two heartbeats of a stream, in ms.",
      }),
    }).prefault({}),
    chatImages: z.enum(["link", "data_uri", "images"]).default("link").register(abouts, {
      title: "Images in chat",
      description: "How chat replies carry images: link, data_uri, or images (a member of the message).",
    }),
  }).prefault({});
}

/** Where pictures are kept. Which of its members need each other is `storage_target.ts`'s business. */
function storageSchema() {
  return z.object({
    target: z.enum(["disk", "s3", "both", "off"]).default("disk").register(abouts, {
      env: "STORAGE",
      title: "Storage",
      description:
        "Where finished images are kept: disk, s3, both, or off for nowhere; both when only a bucket is named.",
    }),
    urls: z.enum(["gateway", "public"]).default("gateway").register(abouts, {
      title: "Links",
      description: "What links in replies lead to: gateway, or public for the bucket's public address.",
    }),
    linkSeconds: z.int().min(0).default(0).register(abouts, {
      title: "Life of a link",
      description: "How long a signed link works, in seconds; 0 = links are not signed and do not expire.",
    }),
    retentionDays: z.number().positive().optional().register(abouts, {
      title: "Days of pictures",
      description: "How long pictures are kept, in days; absent = until somebody removes them.",
      expected: "a number above 0",
    }),
    maxBytes: z.int().min(1).optional().register(abouts, {
      title: "Bytes of pictures",
      description: "How many bytes of pictures are kept, the newest first; absent = no limit.",
    }),
    maxCount: z.int().min(1).optional().register(abouts, {
      title: "Number of pictures",
      description: "How many pictures are kept, the newest first; absent = no limit.",
    }),
    s3: z.object({
      endpoint: httpUrl().optional().register(abouts, {
        env: "S3_ENDPOINT",
        title: "S3 endpoint",
        description: "Address of the S3 service, such as https://s3.eu-central-1.amazonaws.com.",
      }),
      bucket: z.string().min(1).optional().register(abouts, {
        env: "S3_BUCKET",
        title: "Bucket",
        description: "Bucket that images are kept in.",
      }),
      accessKey: z.string().min(1).optional().register(abouts, {
        env: "S3_ACCESS_KEY",
        secret: true,
        title: "Access key of the bucket",
        description: "Its access key id.",
      }),
      secretKey: z.string().min(1).optional().register(abouts, {
        env: "S3_SECRET_KEY",
        secret: true,
        title: "Secret key of the bucket",
        description: "Its secret access key.",
      }),
      region: z.string().min(1).default("auto").register(abouts, {
        env: "S3_REGION",
        title: "Region",
        description: "Region of the bucket; auto where the service has none.",
      }),
      publicUrl: httpUrl().optional().register(abouts, {
        env: "S3_PUBLIC_URL",
        title: "Public address of the bucket",
        description: "Where anybody can read the bucket, for links that lead there directly.",
      }),
      prefix: z.string().default("").register(abouts, {
        env: "S3_PREFIX",
        title: "Prefix",
        description: "Beginning of the names of all objects, such as images/.",
      }),
      pathStyle: z.boolean().default(false).register(abouts, {
        env: "S3_PATH_STYLE",
        title: "Bucket in the path",
        description: "Whether the bucket is named in the path instead of the host, as MinIO wants it.",
      }),
    }).prefault({}),
  }).prefault({});
}

function optimizerSchema() {
  return z.object({
    baseUrl: httpUrl().optional().register(abouts, {
      env: "PROMPT_OPTIMIZER_BASE_URL",
      title: "Address of the text model",
      description:
        "Address of an OpenAI-compatible service that rewrites prompts, such as https://llm.example/v1.",
    }),
    apiKey: z.string().min(1).optional().register(abouts, {
      env: "PROMPT_OPTIMIZER_API_KEY",
      secret: true,
      title: "Key of the text model",
      description: "Its key; absent for a service that asks for none.",
    }),
    model: z.string().min(1).optional().register(abouts, {
      env: "PROMPT_OPTIMIZER_MODEL",
      title: "Text model",
      description: "Id of the text model; prompts are rewritten only where address and model are set.",
    }),
    enableTranslate: z.boolean().default(true).register(abouts, {
      title: "Translate prompts",
      description:
        "Whether prompts in other languages are translated into English; a task of a provider may differ.",
    }),
    translatePrompt: z.string().default(TRANSLATE_PROMPT).register(abouts, {
      title: "Instruction to translate",
      description: "What the text model is told to do with a prompt that is not English.",
    }),
    translateMaxLength: z.int().min(1).default(5000).register(abouts, {
      title: "Longest translation",
      description: "In characters; a longer prompt is not translated, a longer translation is cut.",
      ignoredInFile: [0],
    }),
    enableExpand: z.boolean().default(false).register(abouts, {
      title: "Expand prompts",
      description: "Whether prompts are enriched with detail; a task of a provider may differ.",
    }),
    expandPrompt: z.string().default(EXPAND_PROMPT).register(abouts, {
      title: "Instruction to expand",
      description: "What the text model is told to do with a prompt that is to have more detail.",
    }),
    expandMaxLength: z.int().min(1).default(5000).register(abouts, {
      title: "Longest expanded prompt",
      description: "In characters; a longer prompt is not expanded, a longer result is cut.",
      ignoredInFile: [0],
    }),
    timeout: z.int().min(1).default(15_000).register(abouts, {
      title: "Time limit of the text model",
      description:
        "How long a request waits for its prompt to be rewritten, in ms; then the original is used.",
    }),
    relay: z.boolean().default(true).register(abouts, {
      title: "Rewrite for relay callers",
      description:
        "Whether prompts of callers who bring a provider's key are rewritten too, at your expense.",
    }),
  }).prefault({});
}

function routingSchema() {
  return z.object({
    strategy: z.enum(["cascade", "weighted", "latency", "cost", "quality"]).default("cascade").register(
      abouts,
      {
        title: "Strategy",
        description: "How routes are ordered: cascade, weighted, latency, cost or quality.",
      },
    ),
    unknownModel: z.enum(["fallback", "error"]).default("fallback").register(abouts, {
      title: "Unknown models",
      description: "What an unknown model id means: fallback (as auto) or error (404).",
    }),
    maxRetries: z.int().min(0).default(3).register(abouts, {
      env: "MAX_RETRIES",
      title: "Retries",
      description: "How many further tries a request may have.",
    }),
    retryDelay: z.int().min(0).default(1000).register(abouts, {
      env: "RETRY_DELAY",
      title: "Pause before a retry",
      description: "First pause before another try, in ms; it grows with each.",
    }),
    deadline: z.int().min(1).default(290_000).register(abouts, {
      title: "Deadline",
      description: "The longest a request may take with all its tries, in ms.",
    }),
    queueLength: z.int().min(0).default(100).register(abouts, {
      title: "Length of the queue",
      description: "How many callers may wait for a free key of a provider.",
    }),
    queueTimeout: z.int().min(0).default(30_000).register(abouts, {
      title: "Time in the queue",
      description: "How long a caller may wait for a free key, in ms.",
    }),
  }).prefault({});
}

function providerSchema({ name, env, weight = 10 }: ProviderIdentity) {
  const variable = (ending: string) => env === undefined ? undefined : `${env}_${ending}`;
  return z.object({
    enabled: z.boolean().default(true).register(abouts, {
      title: "Enabled",
      description: `Whether ${name} is used.`,
    }),
    baseUrl: httpUrl().optional().register(abouts, {
      env: variable("BASE_URL"),
      title: "Address",
      description: `Address of ${name}, when it is not its own.`,
    }),
    apiKeys: z.array(z.string().min(1)).default([]).register(abouts, {
      env: env === undefined ? undefined : [`${env}_API_KEY`, `${env}_API_KEYS`],
      environmentOnly: true,
      secret: true,
      title: "Keys from the environment",
      description: `Keys of ${name} for the pool, comma-separated.`,
    }),
    maxConcurrent: z.int().min(1).default(10).register(abouts, {
      envDefault: "MAX_CONCURRENT",
      title: "Calls at once",
      description: "How many calls may run at the same time.",
    }),
    requestsPerMinute: z.int().min(1).optional().register(abouts, {
      title: "Requests a minute",
      description: "How many calls a minute; absent = no limit.",
    }),
    requestsPerDay: z.int().min(1).optional().register(abouts, {
      title: "Requests a day",
      description: "How many calls a day; absent = no limit.",
    }),
    timeout: z.int().min(1).optional().register(abouts, {
      title: "Time limit of a call",
      description: "Limit of one call, in ms; absent = the common one.",
    }),
    defaultSteps: z.int().min(1).optional().register(abouts, {
      title: "Steps",
      description: "Steps of a picture when nobody says how many.",
      ignoredInFile: [0],
    }),
    defaultCount: z.int().min(1).optional().register(abouts, {
      env: variable("DEFAULT_COUNT"),
      title: "Images",
      description: `How many images ${name} makes when nobody says how many.`,
    }),
    models: z.record(z.string(), modelSchema()).default({}).register(abouts, {
      title: "Models",
      description: `Models of ${name} to add, to hide or to price, by their ids.`,
      expected: "an object with hidden, like, tasks or usdPerImage for each model",
    }),
    text: taskSchema(weight),
    edit: taskSchema(weight),
    blend: taskSchema(weight),
  }).prefault({});
}

/** img-router writes an empty text where no address was given. */
function spacesSchema() {
  const address = httpUrl().or(z.literal("")).nullish();
  return z.object({ main: address, backup: address });
}

function modelSchema() {
  return z.object({
    hidden: z.boolean().default(false),
    /** A listed model whose limits an added one has. */
    like: z.string().optional(),
    tasks: z.array(z.enum(["generate", "edit", "blend", "variation"])).optional(),
    usdPerImage: z.number().min(0).optional(),
  });
}

function taskSchema(weight: number) {
  return z.object({
    model: z.string().optional().register(abouts, {
      title: "Model",
      description: "Model when the client names none.",
    }),
    size: z.string().optional().register(abouts, {
      title: "Size",
      description: "Size when the client names none, such as 1024x1024.",
    }),
    quality: z.string().optional().register(abouts, {
      title: "Quality",
      description: "Quality when the client names none, such as standard or hd.",
    }),
    n: z.int().min(1).optional().register(abouts, {
      title: "Images",
      description: "How many images when the client does not say.",
      ignoredInFile: [0],
    }),
    steps: z.int().min(1).optional().register(abouts, {
      title: "Steps",
      description: "Steps when the client does not say.",
      ignoredInFile: [0],
    }),
    weight: z.number().min(0).default(weight).register(abouts, {
      title: "Weight",
      description: "Higher is asked first; 0 = only when named.",
    }),
    promptOptimizer: z.object({
      translate: z.boolean().optional().register(abouts, {
        title: "Translate prompts",
        description: "Whether prompts of this task are translated; absent = as for all.",
      }),
      expand: z.boolean().optional().register(abouts, {
        title: "Expand prompts",
        description: "Whether prompts of this task are expanded; absent = as for all.",
      }),
    }).prefault({}),
    modelMap: z.string().default("").register(abouts, {
      title: "Aliases",
      description: "Model ids that lead to this provider's model, comma-separated.",
    }),
  }).prefault({});
}

/** Parts of a list in one text, separated by commas (also the full-width one) or lines; blanks and empty parts drop out. */
export function splitList(text: string): string[] {
  return text.split(/[,，\n]/).map((part) => part.trim()).filter((part) => part !== "");
}

function httpUrl() {
  return z.url({ protocol: /^https?$/ });
}

/** Whether a text is an IP address or a range of them, in the usual notation alone (`10/8` is not). */
function isAddressOrRange(text: string): boolean {
  return text.includes(":")
    ? ipaddr.IPv6.isValid(text) || ipaddr.IPv6.isValidCIDR(text)
    : ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv4.isValidCIDRFourPartDecimal(text);
}

function isHostOrRange(text: string): boolean {
  if (isAddressOrRange(text)) return true;
  return /^(\[[\da-f:.]+\]|[\w.-]+)(:\d+)?$/i.test(text) && URL.canParse(`http://${text}`);
}
