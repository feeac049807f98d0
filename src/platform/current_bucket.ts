/** The bucket that the settings name at the moment, which admins change while the gateway runs. */
import type { S3Options } from "./blobs_s3.ts";
import type { BucketBlobs } from "./ports.ts";
import { publicUrlOf, type S3Settings } from "./s3_address.ts";

/** Opens the bucket anew when its settings change. What ran over the old one fails then. */
export class CurrentBucket implements Disposable {
  #open: { from: string; blobs: BucketBlobs } | undefined;

  /** @param settings absent = there is no bucket */
  constructor(
    private readonly settings: () => S3Settings | undefined,
    private readonly options: S3Options = {},
  ) {}

  /** The bucket, if one is configured. */
  get(): BucketBlobs | undefined {
    const settings = this.settings();
    const from = JSON.stringify(settings);
    if (this.#open?.from !== from) {
      this[Symbol.dispose]();
      this.#open = settings && { from, blobs: openWhenNeeded(settings, this.options) };
    }
    return this.#open?.blobs;
  }

  [Symbol.dispose](): void {
    this.#open?.blobs[Symbol.dispose]();
    this.#open = undefined;
  }
}

/** The client takes its time and some 25 MB to load, which most gateways have no use for. */
function openWhenNeeded(settings: S3Settings, options: S3Options): BucketBlobs {
  let opened: Promise<BucketBlobs> | undefined;
  const open = () => opened ??= import("./blobs_s3.ts").then((s3) => s3.createS3Blobs(settings, options));
  return {
    put: async (...given) => (await open()).put(...given),
    stat: async (...given) => (await open()).stat(...given),
    open: async (...given) => (await open()).open(...given),
    sidecar: async (...given) => (await open()).sidecar(...given),
    remove: async (...given) => (await open()).remove(...given),
    async *list(...given) {
      yield* (await open()).list(...given);
    },
    publicUrl: (name) => publicUrlOf(settings, name),
    presign: async (...given) => (await open()).presign(...given),
    check: async (...given) => (await open()).check(...given),
    [Symbol.dispose]: () => void opened?.then((blobs) => blobs[Symbol.dispose]()),
  };
}
