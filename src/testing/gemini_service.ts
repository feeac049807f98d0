/** Google's Gemini API, scripted: images come inline, and safety speaks with status 200. */
import { GEMINI_ERRORS, geminiError, quotaError } from "./gemini_errors.ts";
import { GEMINI_MODELS, type GeminiRequest, readGeminiRequest } from "./gemini_requests.ts";
import { paint } from "./painting.ts";
import type { Refusal, Reply } from "./reply.ts";
import type { RecordedCall } from "./recorded_call.ts";
import { type CallTrouble, type KeyTrouble, type Route, ScriptedService } from "./scripted_service.ts";

/** Starts a scripted Gemini API. A prompt that contains "forbidden" is blocked. */
export function geminiService(): GeminiService {
  return new GeminiService();
}

/** A running Gemini API; configure `url`, and read what arrived. */
export class GeminiService extends ScriptedService {
  protected readonly keyPattern = /^AIza[0-9A-Za-z_-]{35}$/;
  #painted = 0;

  protected readonly routes: Record<string, Route> = {
    "POST /v1beta/models/:id\\:generateContent": {
      kind: "images",
      answer: ({ json }, { id = "" }) => {
        if (json === undefined) throw this.refuseCall("unreadable body");
        return this.#answer(readGeminiRequest(id, json));
      },
    },
    "GET /v1beta/models": { kind: "models", answer: () => ({ json: { models: listedModels() } }) },
  };

  get url(): string {
    return `${this.origin}/v1beta`;
  }

  protected override keyOf({ headers, query }: RecordedCall): string | undefined {
    return headers.get("x-goog-api-key") ?? query.get("key") ?? undefined;
  }

  protected makeKey(serial: number): string {
    return `AIza${serial.toString(36).padStart(35, "SyA_bc-")}`;
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "missing") return GEMINI_ERRORS.no_key;
    if (trouble.kind === "drained") return GEMINI_ERRORS.no_credit;
    if (trouble.kind === "rejected") return GEMINI_ERRORS.invalid_key;
    return quotaError("GenerateRequestsPerMinutePerProjectPerModel-PaidTier", {
      quotaValue: "20",
      retryDelay: trouble.retryAfter === undefined ? undefined : `${trouble.retryAfter}s`,
    });
  }

  protected refuseCall(trouble: CallTrouble): Refusal {
    if (trouble !== "unreadable body") {
      return geminiError(404, "NOT_FOUND", "Requested entity was not found.");
    }
    return geminiError(400, "INVALID_ARGUMENT", "Invalid JSON payload received. Unexpected token.");
  }

  async #answer(request: GeminiRequest): Promise<Reply> {
    const facts = { modelVersion: request.model, responseId: `response-${this.calls.length}` };
    const promptTokenCount = Math.ceil(request.prompt.length / 4) + 258 * request.inputs;
    if (/forbidden/i.test(request.prompt)) {
      const usageMetadata = { promptTokenCount, totalTokenCount: promptTokenCount };
      return { json: { promptFeedback: { blockReason: "PROHIBITED_CONTENT" }, usageMetadata, ...facts } };
    }
    const parts: unknown[] = request.wantsImage
      ? [{ inlineData: await this.#picture(request), thoughtSignature: "c2lnbmF0dXJl" }]
      : [{ text: "Imagine a fox." }];
    if (request.includeThoughts) {
      parts.unshift(
        { text: "Let me draft it.", thought: true },
        { inlineData: await this.#picture(request), thought: true },
      );
    }
    const tokens = tokensOf(request);
    return {
      empty: { candidates: [{ content: { role: "model" }, finishReason: "NO_IMAGE", index: 0 }], ...facts },
      json: {
        candidates: [{ content: { role: "model", parts }, finishReason: "STOP", index: 0 }],
        usageMetadata: {
          promptTokenCount,
          candidatesTokenCount: tokens,
          totalTokenCount: promptTokenCount + tokens,
          promptTokensDetails: [
            { modality: "TEXT", tokenCount: promptTokenCount - 258 * request.inputs },
            ...(request.inputs > 0 ? [{ modality: "IMAGE", tokenCount: 258 * request.inputs }] : []),
          ],
          candidatesTokensDetails: [{ modality: "IMAGE", tokenCount: tokens }],
        },
        ...facts,
      },
    };
  }

  async #picture({ width, height }: GeminiRequest): Promise<{ mimeType: string; data: string }> {
    const bytes = await paint({ width, height, seed: ++this.#painted });
    return { mimeType: "image/png", data: bytes.toBase64() };
  }
}

/** What one picture is billed as. */
function tokensOf({ model, width, height }: GeminiRequest): number {
  if (model === "gemini-2.5-flash-image") return 1290;
  if (width * height < 500_000) return 747;
  return width * height < 6_000_000 ? 1120 : 2000;
}

function listedModels() {
  const entry = (id: string, ...supportedGenerationMethods: string[]) => ({
    name: `models/${id}`,
    displayName: id,
    supportedGenerationMethods,
  });
  return [
    entry("gemini-3-flash", "generateContent", "countTokens"),
    ...Object.keys(GEMINI_MODELS).map((id) => entry(id, "generateContent", "countTokens")),
    entry("gemini-4-flash-image", "generateContent"),
    entry("imagen-4.0-generate-001", "predict"),
  ];
}
