/** The body that makes a picture like a stored one: the way back from what is kept to the fields of a request. */
import { z } from "zod";

const text = z.string().optional().catch(undefined);
const number = z.number().optional().catch(undefined);

/** A request as it is kept beside a picture. Members of a wrong kind, such as another program's, read as absent. */
const Kept = z.object({
  prompt: text,
  model: text,
  provider: text,
  n: number,
  size: z.union([z.string(), z.object({ width: z.int(), height: z.int() })]).optional().catch(undefined),
  ratio: number,
  quality: text,
  style: text,
  qualityEnhancers: z.array(z.string()).optional().catch(undefined),
  background: text,
  moderation: text,
  inputFidelity: text,
  outputFormat: text,
  outputCompression: number,
  seed: number,
  steps: number,
  guidance: number,
  negativePrompt: text,
  loraWeights: z.record(z.string(), z.number()).optional().catch(undefined),
  rewriting: z.object({ translate: z.boolean().optional(), expand: z.boolean().optional() }).optional()
    .catch(undefined),
  providerParams: z.record(z.string(), z.unknown()).optional().catch(undefined),
  inputs: z.int().min(0).catch(0),
  mask: z.boolean().catch(false),
});

/** What to run a picture again with. */
export interface Rerun {
  /** Fields of an image request. */
  body: Record<string, unknown>;
  /** How many images have to be given with it: they are not kept. */
  inputs: number;
  /** Whether a mask has to be given too. */
  mask: boolean;
}

/** Reads what is kept beside a picture. */
export function rerunFrom(request: Record<string, unknown>): Rerun {
  const { inputs, mask, size, ratio, ...kept } = Kept.parse(request);
  const fields = {
    prompt: kept.prompt,
    model: kept.model,
    provider: kept.provider,
    n: kept.n,
    size: typeof size === "object" ? `${size.width}x${size.height}` : size,
    aspect_ratio: ratio === undefined ? undefined : `${Number(ratio.toFixed(4))}:1`,
    quality: kept.quality,
    style: kept.style,
    quality_enhancers: kept.qualityEnhancers,
    background: kept.background,
    moderation: kept.moderation,
    input_fidelity: kept.inputFidelity,
    output_format: kept.outputFormat,
    output_compression: kept.outputCompression,
    seed: kept.seed,
    steps: kept.steps,
    guidance_scale: kept.guidance,
    negative_prompt: kept.negativePrompt,
    lora_weights: kept.loraWeights,
    prompt_optimizer: kept.rewriting,
    provider_params: kept.providerParams,
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== "");
  return { body: Object.fromEntries(given), inputs, mask };
}
