/** How stored pictures are told over the API, in our own shape and in img-router's. */
import { z } from "@hono/zod-openapi";
import type { PictureRecord } from "../../store/picture_record.ts";
import { isoTime, Time } from "./api_app.ts";

/** Gives the address at which a browser finds a picture: a path, or an address of the bucket. */
export type PictureUrl = (picture: PictureRecord) => string;

/** A picture in listings. */
export const PictureSchema = z.object({
  name: z.string(),
  url: z.string(),
  time: Time,
  type: z.string(),
  bytes: z.int(),
  width: z.int(),
  height: z.int(),
  prompt: z.string(),
  revisedPrompt: z.string().optional().openapi({ description: "What was used instead of the prompt." }),
  model: z.string(),
  provider: z.string(),
  task: z.string(),
  client: z.string().openapi({ description: "The client's name, or `relay`." }),
  requestId: z.string(),
  seed: z.number().optional(),
  costUsd: z.number().optional().openapi({ description: "Absent where no price is known." }),
  onDisk: z.boolean(),
  inBucket: z.boolean(),
  uploadPending: z.boolean(),
}).openapi("GalleryPicture");

/** A picture as img-router told it. */
export const OldPictureSchema = z.object({
  filename: z.string(),
  url: z.string(),
  metadata: z.object({
    prompt: z.string(),
    model: z.string(),
    seed: z.number(),
    params: z.record(z.string(), z.unknown()),
    timestamp: z.number(),
  }),
}).openapi("GalleryEntry");

/** A picture in our shape. */
export function tellPicture(picture: PictureRecord, urlOf: PictureUrl): z.infer<typeof PictureSchema> {
  const { time, hash: _hash, request: _request, object, uploadWanted, ...rest } = picture;
  return {
    ...rest,
    url: urlOf(picture),
    time: isoTime(time),
    inBucket: object !== undefined,
    uploadPending: uploadWanted && object === undefined,
  };
}

/** A picture in img-router's shape; what it has no member for is among the parameters. */
export function tellOldPicture(picture: PictureRecord, urlOf: PictureUrl): z.infer<typeof OldPictureSchema> {
  const { name, prompt, model, seed, time, width, height, provider, task, requestId, costUsd } = picture;
  return {
    filename: name,
    url: urlOf(picture),
    metadata: {
      prompt: picture.revisedPrompt ?? prompt,
      model,
      seed: seed ?? 0,
      params: {
        size: `${width}x${height}`,
        provider,
        task,
        requestId,
        costUsd,
        originalPrompt: picture.revisedPrompt === undefined ? undefined : prompt,
      },
      timestamp: time,
    },
  };
}
