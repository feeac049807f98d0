/** A text model behind OpenAI's chat dialect, scripted: it translates and expands by putting words around a prompt. */
import { z } from "zod";
import { incorrectKey, openAiError } from "./openai_errors.ts";
import type { RecordedCall } from "./recorded_call.ts";
import type { Fault, Refusal, Reply } from "./reply.ts";
import {
  type CallTrouble,
  type KeyTrouble,
  type Route,
  type RouteKind,
  ScriptedService,
} from "./scripted_service.ts";
import { strictly } from "./strict_body.ts";

/** Starts a text service. */
export function textService(): TextService {
  return new TextService();
}

const Question = z.strictObject({
  model: z.string(),
  messages: z.tuple([
    z.strictObject({ role: z.literal("system"), content: z.string().min(1) }),
    z.strictObject({ role: z.literal("user"), content: z.string().min(1) }),
  ]),
  stream: z.literal(false),
});

/** A running service; configure `url` and `env`, and read what arrived. */
export class TextService extends ScriptedService {
  protected readonly keyPattern = /^sk-text-[\w-]{20,}$/;
  readonly model = "scripted-text";
  /** The key of `env`. */
  readonly key = this.newKey();
  /** What the model answers; a test may script it. */
  answer: (system: string, text: string) => unknown = (system, text) =>
    /translat/i.test(system) ? `In English: ${text}` : `${text}, in golden light`;
  finishReason = "stop";

  protected readonly routes: Record<string, Route> = {
    "POST /v1/chat/completions": { kind: "tasks", answer: (call) => this.#complete(call) },
    "GET /v1/models": {
      kind: "models",
      answer: () => ({
        json: { object: "list", data: [this.model, "scripted-other"].map((id) => ({ id, object: "model" })) },
      }),
    },
  };

  get url(): string {
    return `${this.origin}/v1`;
  }

  /** Variables that point a gateway here. */
  get env(): Record<string, string> {
    return {
      PROMPT_OPTIMIZER_BASE_URL: this.url,
      PROMPT_OPTIMIZER_API_KEY: this.key,
      PROMPT_OPTIMIZER_MODEL: this.model,
    };
  }

  /** The prompts that it was asked about, in order. */
  get asked(): string[] {
    return this.calls.filter(({ method }) => method === "POST").map(({ json }) =>
      Question.parse(json).messages[1].content
    );
  }

  override fail(fault: Fault, times = 1, on: RouteKind = "tasks"): void {
    super.fail(fault, times, on);
  }

  protected makeKey(serial: number): string {
    return `sk-text-${serial.toString(36).padStart(24, "Abcd0123_-")}`;
  }

  protected refuseKey(trouble: KeyTrouble, { key = "" }: RecordedCall): Refusal {
    return trouble.kind === "rejected" ? incorrectKey(key) : openAiError(401, `no such key: ${key}`);
  }

  protected refuseCall(trouble: CallTrouble, { method, path }: RecordedCall): Refusal {
    return openAiError(trouble === "unknown path" ? 404 : 400, `${trouble}: ${method} ${path}`);
  }

  #complete({ json }: RecordedCall): Reply {
    const question = strictly(Question, json, ({ kind, param }) => openAiError(400, `${kind}: ${param}`));
    const { model, messages: [system, user] } = question;
    if (model !== this.model) throw openAiError(404, `The model '${model}' does not exist`);
    const content = this.answer(system.content, user.content);
    const message = { role: "assistant", content };
    return {
      json: {
        id: "chatcmpl-scripted",
        object: "chat.completion",
        choices: [{ index: 0, message, finish_reason: this.finishReason }],
      },
    };
  }
}
