/** Any service that speaks OpenAI's images dialect: new-api, one-api, LiteLLM, a server of one's own. */
import { defineProvider, type FailureRow } from "../core/provider.ts";
import { bearer } from "./bearer.ts";
import { listOpenAiModels, openAiDialect } from "./openai_dialect.ts";
import { resellerTasks } from "./reseller_task.ts";

const failures: FailureRow[] = [
  { kind: "refused", code: /moderation|content_policy|safety|sensitive/ },
  { kind: "out_of_credit", code: /quota|credit|billing|balance/ },
  { kind: "out_of_credit", text: /quota is not enough|insufficient (user )?(quota|balance)|额度不足/i },
  { kind: "model_not_found", code: /model_not_found|no_available_channel/ },
  { kind: "model_not_found", text: /no available channel|无可用渠道/i },
];

export const newApi = defineProvider({
  name: "NewApi",
  aliases: ["openai-compatible", "new-api"],
  env: "NEWAPI",
  keys: { pattern: /^sk-newapi-\S+$/, sample: "sk-newapi-" + "a1b2".repeat(8), send: bearer },
  unlisted: { pattern: /./, like: "*" },
  models: [{
    id: "*",
    tasks: ["generate", "edit", "blend"],
    maxInputs: 16,
    mask: true,
    timeoutMs: 180_000,
    wishes: [
      "quality",
      "style",
      "background",
      "moderation",
      "seed",
      "steps",
      "guidance",
      "negativePrompt",
      "outputFormat",
      "outputCompression",
      "user",
    ],
  }],
  operations: openAiDialect({
    failures,
    tasks: resellerTasks(failures),
    fields: {
      quality: "quality",
      style: "style",
      background: "background",
      moderation: "moderation",
      seed: "seed",
      steps: "num_inference_steps",
      guidance: "guidance_scale",
      negativePrompt: "negative_prompt",
      outputFormat: "output_format",
      outputCompression: "output_compression",
      user: "user",
    },
    // GPT image models always answer in base64 and refuse the field.
    responseFormat: (model) => /(^|\/)(chatgpt|gpt)-image-/.test(model) ? undefined : "b64_json",
  }),
  failures,
  listModels: listOpenAiModels,
});
