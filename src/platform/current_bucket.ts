/** The bucket that the settings name at the moment, which admins change while the gateway runs. */
import { createS3Blobs, type S3Options } from "./blobs_s3.ts";
import type { BucketBlobs } from "./ports.ts";
import type { S3Settings } from "./s3_address.ts";

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
      this.#open = settings && { from, blobs: createS3Blobs(settings, this.options) };
    }
    return this.#open?.blobs;
  }

  [Symbol.dispose](): void {
    this.#open?.blobs[Symbol.dispose]();
    this.#open = undefined;
  }
}
