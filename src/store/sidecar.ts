/** What made a picture, as it stands beside its file; names that img-router's sidecars have too are the same. */
import type { PictureRecord } from "./picture_record.ts";

/** The sidecar of a picture: everything but where it is kept. */
export function sidecarOf(record: PictureRecord): object {
  const { prompt, model, seed, time, type, width, height, request, ...rest } = record;
  const { task, provider, requestId, client, revisedPrompt, costUsd } = rest;
  return {
    prompt,
    model,
    seed,
    params: { task, provider, requestId, client, revisedPrompt, costUsd },
    timestamp: time,
    type,
    width,
    height,
    request,
  };
}
