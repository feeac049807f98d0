/** What all sentences about buckets share. */
import assert from "node:assert/strict";
import { ListMultipartUploadsCommand, PutBucketPolicyCommand, type S3Client } from "@aws-sdk/client-s3";
import { createS3Blobs, type S3Options } from "../src/platform/blobs_s3.ts";
import type { Blobs, BlobSource, BucketBlobs, OpenBlob } from "../src/platform/ports.ts";
import type { S3Settings } from "../src/platform/s3_address.ts";
import { createS3Client } from "../src/platform/s3_client.ts";
import type { Ceph } from "../src/testing/ceph.ts";
import { paintPng } from "../src/testing/painting.ts";

/** What holds for a server that was just started, by a sentence. */
export type Sentences = Record<string, (ceph: Ceph) => Promise<void>>;

export const MIB = 1024 * 1024;
export const NAME = "20261121-025958-a-fox-0123456789abcdefghi.png";
export const png = paintPng({ width: 8, height: 8 });

let buckets = 0;

/** The settings of a new bucket. */
export async function newBucket(ceph: Ceph): Promise<S3Settings> {
  const bucket = `bucket-${++buckets}`;
  await ceph.makeBucket(bucket);
  const { endpoint, accessKey, secretKey, region } = ceph;
  return { endpoint, bucket, accessKey, secretKey, region, pathStyle: true };
}

/** A new bucket. */
export async function openNew(
  ceph: Ceph,
  more: Partial<S3Settings> = {},
  options?: S3Options,
): Promise<BucketBlobs> {
  return createS3Blobs({ ...await newBucket(ceph), ...more }, options);
}

/** A client for what the driver has no words for. */
export function clientOf(settings: S3Settings): S3Client & Disposable {
  const client = createS3Client(settings);
  return Object.assign(client, { [Symbol.dispose]: () => client.destroy() });
}

/** Lets anybody read a bucket. */
export async function publish(settings: S3Settings): Promise<void> {
  using client = clientOf(settings);
  const Resource = `arn:aws:s3:::${settings.bucket}/*`;
  const Statement = [{ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource }];
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement });
  await client.send(new PutBucketPolicyCommand({ Bucket: settings.bucket, Policy }));
}

/** How many uploads in parts were begun and neither ended nor given up: what there is of them is paid for. */
export async function unfinished(settings: S3Settings): Promise<number> {
  using client = clientOf(settings);
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: settings.bucket }));
  return Uploads.length;
}

/** All bytes of an image. */
export async function bytesOf(blob: OpenBlob | undefined): Promise<Uint8Array> {
  assert.ok(blob);
  return await new Response(blob.bytes).bytes();
}

/** So many bytes that nothing could have made up. */
export function randomBytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

/** An image that comes in pieces of some kilobytes. */
export function source(bytes: Uint8Array<ArrayBuffer>, size = bytes.length): BlobSource {
  return { type: "image/png", size, bytes: new Blob([bytes]).stream() };
}

/** Names of all images, sorted. */
export async function namesIn(blobs: Blobs): Promise<string[]> {
  return (await Array.fromAsync(blobs.list())).map(({ name }) => name).sort();
}
