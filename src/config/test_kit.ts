/** What the tests of configuration share: the providers as they are named in public, and folders that vanish. */
import { join } from "node:path";
import { loadConfig, type Loaded, type LoadOptions } from "./load.ts";
import type { ProviderIdentity } from "./provider_identity.ts";
import { SETTINGS_FILE } from "./settings_file.ts";

/** All providers with the beginnings of their variables. */
export const IDENTITIES: ProviderIdentity[] = [
  { name: "Doubao", env: "DOUBAO" },
  { name: "Gitee", env: "GITEE" },
  { name: "ModelScope", env: "MODELSCOPE" },
  { name: "HuggingFace", env: "HUGGINGFACE", aliases: ["hf"] },
  { name: "Pollinations", env: "POLLINATIONS" },
  { name: "OpenAI", env: "OPENAI" },
  { name: "Gemini", env: "GEMINI" },
  { name: "BlackForestLabs", env: "BFL", aliases: ["bfl"] },
  { name: "Replicate", env: "REPLICATE" },
  { name: "RunPod", env: "RUNPOD" },
  { name: "Modal", env: "MODAL" },
  { name: "Midjourney", env: "MIDJOURNEY" },
  { name: "Fal", env: "FAL" },
  { name: "NewApi", env: "NEWAPI", aliases: ["openai-compatible"], needsBaseUrl: true },
  { name: "Mock", weight: 0 },
];

/** A working folder of its own, removed with all it holds when it goes out of scope. */
export interface Scratch extends AsyncDisposable {
  folder: string;
  /** Path of the settings file in its data folder. */
  file: string;
  /** Writes the settings file: an object as JSON, a text as it is. */
  write(content: unknown): Promise<void>;
  /** What the settings file says. */
  read(): Promise<unknown>;
  /** Reads the configuration of this folder. */
  load(env?: LoadOptions["env"]): ReturnType<typeof loadConfig>;
  /** The same where it must be free of faults. */
  loaded(env?: LoadOptions["env"]): Promise<Loaded>;
}

/** Makes a working folder with an empty data folder in it. */
export async function scratch(): Promise<Scratch> {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "data", SETTINGS_FILE);
  await Deno.mkdir(join(folder, "data"));
  const load = (env: LoadOptions["env"] = {}) => loadConfig({ providers: IDENTITIES, env, folder });
  return {
    folder,
    file,
    write: (content) =>
      Deno.writeTextFile(file, typeof content === "string" ? content : JSON.stringify(content)),
    read: async () => JSON.parse(await Deno.readTextFile(file)),
    load,
    loaded: async (env) => {
      const result = await load(env);
      if (!result.ok) throw new Error(`Cannot load: ${JSON.stringify(result.faults)}`);
      return result;
    },
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Lines of the faults of a result that must have some. */
export function faultsOf(result: Awaited<ReturnType<typeof loadConfig>>) {
  if (result.ok) throw new Error("Expected faults, and there are none");
  return result.faults;
}

/** A file as img-router 1.9 writes it. */
export const IMG_ROUTER_FILE = {
  system: {
    requestLogging: true,
    healthCheck: true,
    modes: { relay: true, backend: false },
    port: 10001,
    apiTimeout: 60000,
    maxBodySize: 20971520,
    cors: true,
    globalAccessKey: "",
    compressThreshold: 5,
    compressTarget: 2,
    features: { autoConvertWebP: true },
  },
  providers: {
    Doubao: {
      enabled: true,
      text: {
        model: "doubao-seedream-4-5-251128",
        size: "2048x2048",
        quality: "standard",
        n: 1,
        steps: null,
        weight: 7,
        modelMap: "my-alias，other-alias",
        promptOptimizer: { translate: true, expand: false },
      },
      edit: { model: "doubao-seedream-4-5-251128", size: "2048x2048", n: 1 },
      blend: { model: "doubao-seedream-4-5-251128", size: "1024x1024", n: 1 },
    },
    huggingface: { enabled: true, defaultSteps: 9, text: { weight: 5, model: "", n: 0 } },
    Gitee: null,
    MockA: { enabled: true },
    SomeoneElse: { enabled: true, text: { weight: "high" } },
  },
  keyPools: {
    Doubao: [{
      id: "one",
      key: "secret-doubao-key-1",
      name: "Main",
      status: "active",
      enabled: true,
      addedAt: 1760000000000,
    }],
    NewApi: [],
    Gitee: null,
  },
  promptOptimizer: { baseUrl: "https://llm.example/v1", apiKey: "optimizer-secret", model: "gpt-x" },
  hfModelMap: { "z-image-turbo": { main: "https://user-space.hf.space" } },
  storage: { s3: { endpoint: "https://s3.example", bucket: "b", accessKey: "a", secretKey: "s" } },
};
