/** Tries the settings of a bucket before they are saved, or those in force. */
import type { Clock } from "../core/clock.ts";
import type { BucketCheck } from "../platform/ports.ts";
import type { S3Settings } from "../platform/s3_address.ts";

/** What is in force. */
export type StoredBucket = Partial<S3Settings>;

/** What somebody typed so far; what is absent is as stored, but see `checkBucket()`. */
export type BucketDraft = Partial<S3Settings>;

/**
 * Writes, reads and removes an object. Stored keys are filled in only where the endpoint is the stored one, so
 * that nobody can have them sent elsewhere.
 */
export async function checkBucket(
  draft: BucketDraft,
  stored: StoredBucket,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<BucketCheck> {
  const isStored = draft.endpoint === undefined || draft.endpoint === stored.endpoint;
  const given = Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined));
  const { endpoint, bucket, accessKey, secretKey, ...rest }: BucketDraft = {
    ...isStored && stored,
    ...given,
  };
  const missing = Object.entries({ endpoint, bucket, accessKey, secretKey })
    .filter(([, value]) => !value).map(([name]) => name);
  if (!endpoint || !bucket || !accessKey || !secretKey) {
    return { ok: false, reason: `No bucket is set up: ${missing.join(", ")} missing` };
  }
  // The client takes some 25 MB, which most gateways have no use for.
  const { createS3Blobs } = await import("../platform/blobs_s3.ts");
  using blobs = createS3Blobs({ ...rest, endpoint, bucket, accessKey, secretKey }, { clock });
  return await blobs.check(signal);
}
