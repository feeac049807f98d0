/** A request with defaults, so that a test names only what matters to it. */
import type { ImageRequest } from "../core/request.ts";

/** A request for one picture of a fox by `auto`, changed by `wanted`. */
export function imageRequest(wanted: Partial<ImageRequest> = {}): ImageRequest {
  return {
    task: "generate",
    prompt: "a fox",
    model: "auto",
    qualityEnhancers: [],
    inputs: [],
    partialImages: 0,
    providerParams: {},
    ...wanted,
  };
}
