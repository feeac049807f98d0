/**
 * What a storage target needs, and which one is meant where only a bucket is named. The four settings without
 * which there is no bucket stand in different places, so that no schema of one of them can tell.
 */
import type { Fault } from "./fault.ts";
import type { Config } from "./schema.ts";

type S3 = Config["storage"]["s3"];

/** Without these four a bucket can't be reached. */
const NEEDED = {
  endpoint: "S3_ENDPOINT",
  bucket: "S3_BUCKET",
  accessKey: "S3_ACCESS_KEY",
  secretKey: "S3_SECRET_KEY",
};
const NAMES = Object.keys(NEEDED) as (keyof typeof NEEDED)[];

/** A bucket that can be reached. */
export type Bucket = S3 & Required<Pick<S3, keyof typeof NEEDED>>;

/** The bucket that pictures go to; `undefined` where the target is none. */
export function bucketOf({ target, s3 }: Config["storage"]): Bucket | undefined {
  return target === "s3" || target === "both" ? knownBucket({ s3 }) : undefined;
}

/** The bucket that is configured: what once went there is read from it, wherever new pictures go. */
export function knownBucket({ s3 }: Pick<Config["storage"], "s3">): Bucket | undefined {
  return isComplete(s3) ? s3 : undefined;
}

function isComplete(s3: S3): s3 is Bucket {
  return NAMES.every((name) => s3[name] !== undefined);
}

/**
 * Whether pictures go to disk and bucket although nobody chose a target: img-router knew no target, and used the
 * bucket as soon as all four settings were there.
 * @param has whether a setting, by its path, was given
 */
export function impliesBoth(has: (path: string) => boolean): boolean {
  return !has("storage.target") && NAMES.every((name) => has(`storage.s3.${name}`));
}

/**
 * What is missing for the chosen target, one fault a setting.
 * @param source where the target was chosen: the file's name, or a variable
 */
export function missingForTarget({ target, s3 }: Config["storage"], source: { file?: string }): Fault[] {
  if (target !== "s3" && target !== "both") return [];
  return NAMES.filter((name) => s3[name] === undefined).map((name) => ({
    where: source.file ?? NEEDED[name],
    path: `storage.s3.${name}`,
    found: "nothing",
    expected: `a value (also by ${NEEDED[name]}), because storage.target is ${target}`,
  }));
}
