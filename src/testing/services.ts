/** The scripted service of each provider, for tests that hold for all of them. */
import { blackForestLabsService } from "./black_forest_labs_service.ts";
import { doubaoService } from "./doubao_service.ts";
import { falService } from "./fal_service.ts";
import { geminiService } from "./gemini_service.ts";
import { giteeService } from "./gitee_service.ts";
import { huggingFaceService } from "./hugging_face_service.ts";
import { midjourneyService } from "./midjourney_service.ts";
import { modalService } from "./modal_service.ts";
import { modelScopeService } from "./model_scope_service.ts";
import { newApiService } from "./new_api_service.ts";
import { openAiService } from "./openai_service.ts";
import { pollinationsService } from "./pollinations_service.ts";
import { replicateService } from "./replicate_service.ts";
import { runPodService } from "./runpod_service.ts";
import type { ScriptedService } from "./scripted_service.ts";

/** By the provider's name. */
export const SERVICES: Record<string, () => ScriptedService & { newKey(): string }> = {
  BlackForestLabs: blackForestLabsService,
  Doubao: doubaoService,
  Fal: falService,
  Gemini: geminiService,
  Gitee: giteeService,
  HuggingFace: huggingFaceService,
  Midjourney: midjourneyService,
  Modal: modalService,
  ModelScope: modelScopeService,
  NewApi: newApiService,
  OpenAI: openAiService,
  Pollinations: pollinationsService,
  Replicate: replicateService,
  RunPod: runPodService,
};
