/**
 * Images in a bucket of S3 or of what speaks like it: R2, MinIO, Ceph and others. Names, sidecars and public
 * addresses are those of img-router, so that a bucket it filled goes on working.
 */
import { randomUUID } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { type Clock, systemClock } from "../core/clock.ts";
import { EXTENSIONS, type ImageType, readImageFacts } from "../core/media.ts";
import { assertBlobName, isBlobName, oldSidecarName, sidecarName, typeByName } from "./blob_names.ts";
import { measured } from "./measured.ts";
import type { BlobRange, Blobs, BucketBlobs, BucketCheck, OpenBlob } from "./ports.ts";
import { objectKey, publicUrlOf, s3Address, type S3Settings } from "./s3_address.ts";
import { createS3Client } from "./s3_client.ts";
import { s3Failure, skewNote } from "./s3_failure.ts";

/** What tests change. */
export interface S3Options {
  clock?: Clock;
  /** How far from the time of day signatures are made at first, in ms; the SDK follows the server's clock then. */
  clockOffset?: number;
}

/** Larger images are sent in parts of this size, the smallest that S3 takes; two are in memory at a time. */
const PART = 5 * 1024 * 1024;
/** Names a request; each has two sidecars at most, and S3 takes 1000. */
const NAMES_A_REQUEST = 300;
const SIDECAR_BYTES = 1024 * 1024;
const LONGEST_LINK = 7 * 24 * 60 * 60;
/** Of one call with all its tries, of one that sends a part, and until more of a body arrives; in ms. */
const LIMITS = { call: 20_000, transfer: 120_000, idle: 30_000 };
/** A name is never given to another image. */
const CACHE = "public, max-age=31536000, immutable";

/** Makes the store. Nothing is asked of the server yet. */
export function createS3Blobs(settings: S3Settings, options: S3Options = {}): BucketBlobs {
  const { clock = systemClock } = options;
  const { bucket: Bucket } = settings;
  const address = s3Address(settings);
  const client = createS3Client(settings, options.clockOffset);
  const keyOf = (name: string) => objectKey(settings, name);
  const at = (name: string) => ({ Bucket, Key: keyOf(name) });

  /** Makes one call within its time. @throws S3Failure, or the caller's reason when it aborts */
  async function call<T>(
    what: string,
    work: (options: { abortSignal: AbortSignal }) => Promise<T>,
    { signal, limit = LIMITS.call }: { signal?: AbortSignal; limit?: number } = {},
  ): Promise<T> {
    using time = clock.timeout(limit);
    const offset = client.config.systemClockOffset;
    try {
      return await work({ abortSignal: signal ? AbortSignal.any([signal, time.signal]) : time.signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw s3Failure(error, {
        what,
        bucket: Bucket,
        endpoint: address.endpoint,
        secrets: [settings.secretKey, settings.accessKey],
        aheadMs: client.config.systemClockOffset - offset,
      });
    }
  }

  const put: Blobs["put"] = async (name, image, sidecar, signal) => {
    const body = image instanceof Uint8Array ? image : measured(image);
    try {
      assertBlobName(name);
      const type = image instanceof Uint8Array
        ? readImageFacts(image)?.type ?? typeByName(name)!
        : image.type;
      const object = {
        ...at(name),
        ContentType: type,
        CacheControl: CACHE,
        // An SVG may hold scripts, and a bucket has no way to shut them in.
        ContentDisposition: type === "image/svg+xml" ? "attachment" : undefined,
      };
      const size = image instanceof Uint8Array ? image.length : image.size;
      if (size > PART) {
        await sendInParts(name, { ...object, Body: body, ContentLength: size }, signal);
      } else {
        const bytes = body instanceof Uint8Array ? body : await new Response(body).bytes();
        await send(name, { ...object, Body: bytes }, signal);
      }
      const Body = JSON.stringify(sidecar);
      await send(name, { ...at(sidecarName(name)), Body, ContentType: "application/json" }, signal);
    } finally {
      if (body instanceof ReadableStream) await body.cancel().catch(() => {});
    }
  };

  function send(name: string, object: PutObjectCommandInput, signal?: AbortSignal) {
    const limits = { signal, limit: LIMITS.transfer };
    return call(`store ${name} in`, (o) => client.send(new PutObjectCommand(object), o), limits);
  }

  async function sendInParts(name: string, params: PutObjectCommandInput, signal?: AbortSignal) {
    const what = `store ${name} in`;
    const sendOne = (command: Parameters<S3Client["send"]>[0]) =>
      command instanceof AbortMultipartUploadCommand
        // An abort and an outage end here too, and parts of nothing are not worth another complaint.
        ? call(what, (o) => client.send(command, o)).catch(() => ({}))
        : call(what, (o) => client.send(command, o), { signal, limit: LIMITS.transfer });
    // The library's own way to abort lets requests go on that it has begun; here each has a signal and a limit.
    const hearing: S3Client = Object.create(client, { send: { value: sendOne } });
    await new Upload({ client: hearing, params, partSize: PART, queueSize: 1 }).done();
  }

  const stat: Blobs["stat"] = async (name, signal) => {
    if (!isBlobName(name)) return undefined;
    const head = (o: { abortSignal: AbortSignal }) =>
      client.send(new HeadObjectCommand(at(name)), o).catch(unlessMissing);
    const reply = await call(`look for ${name} in`, head, { signal });
    return reply && factsOf(name, reply, reply.ContentLength);
  };

  const open: Blobs["open"] = async (name, range, signal) => {
    if (!isBlobName(name)) return undefined;
    const reply = await get(name, range, signal);
    if (reply === "beyond its end") {
      const facts = await stat(name, signal);
      return facts && { ...facts, bytes: new Response("").body! };
    }
    if (!reply?.Body) return undefined;
    const size = reply.ContentRange?.split("/")[1] ?? reply.ContentLength;
    const bytes = watched(reply.Body.transformToWebStream(), Number(reply.ContentLength), clock);
    return { ...factsOf(name, reply, Number(size)), bytes };
  };

  function get(file: string, range?: BlobRange, signal?: AbortSignal) {
    const Range = range && `bytes=${range.start}-${Number.isFinite(range.end) ? range.end : ""}`;
    return call(
      `read ${file} from`,
      (o) =>
        client.send(new GetObjectCommand({ ...at(file), Range }), o).catch((error) => {
          if (isCalled(error, "InvalidRange")) return "beyond its end" as const;
          return unlessMissing(error);
        }),
      { signal },
    );
  }

  const sidecar: Blobs["sidecar"] = async (name, signal) => {
    if (!isBlobName(name)) return undefined;
    for (const file of [sidecarName(name), oldSidecarName(name)]) {
      const reply = await get(file, { start: 0, end: SIDECAR_BYTES }, signal);
      if (reply === "beyond its end" || !reply?.Body) continue;
      const bytes = watched(reply.Body.transformToWebStream(), Number(reply.ContentLength), clock);
      return await new Response(bytes).json().catch(undefinedIfNoJson);
    }
  };

  const remove: Blobs["remove"] = async (...names) => {
    const valid = names.filter(isBlobName);
    for (let start = 0; start < valid.length; start += NAMES_A_REQUEST) {
      const some = valid.slice(start, start + NAMES_A_REQUEST);
      const files = some.flatMap((name) => [sidecarName(name), oldSidecarName(name), name]);
      await removeFiles(files, some.length === 1 ? some[0]! : `${some.length} images`);
    }
  };

  async function removeFiles(files: string[], what: string, signal?: AbortSignal): Promise<void> {
    const Objects = files.map((file) => ({ Key: keyOf(file) }));
    const command = new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } });
    await call(`remove ${what} from`, async (o) => {
      const { Errors } = await client.send(command, o);
      const first = Errors?.find(({ Code }) => Code !== "NoSuchKey");
      if (first) throw Object.assign(new Error(first.Message), { name: first.Code ?? "UnknownError" });
    }, { signal });
  }

  async function* list(signal?: AbortSignal) {
    let token: string | undefined;
    do {
      const Prefix = keyOf("");
      const command = new ListObjectsV2Command({ Bucket, Prefix, Delimiter: "/", ContinuationToken: token });
      const page = await call("list", (o) => client.send(command, o), { signal });
      for (const { Key = "", Size = 0, LastModified } of page.Contents ?? []) {
        const name = Key.slice(Prefix.length);
        if (isBlobName(name)) yield { name, size: Size, modified: LastModified ?? new Date(0) };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  const presign: BucketBlobs["presign"] = (name, seconds) =>
    getSignedUrl(client, new GetObjectCommand(at(name)), {
      expiresIn: Math.min(seconds, LONGEST_LINK),
      signingDate: new Date(Date.now() + client.config.systemClockOffset),
    });

  const check: BucketBlobs["check"] = async (signal): Promise<BucketCheck> => {
    const file = `imgrouter-check-${randomUUID()}.txt`;
    const start = clock.now();
    const object = { ...at(file), Body: file, ContentType: "text/plain" };
    try {
      await call("write to", (o) => client.send(new PutObjectCommand(object), o), { signal });
      try {
        const read = await call("read from", async (o) => {
          const { Body } = await client.send(new GetObjectCommand(at(file)), o);
          return await Body?.transformToString();
        }, { signal });
        if (read !== file) {
          return {
            ok: false,
            reason: `Cannot use the bucket ${Bucket}: it gives something else than was written`,
          };
        }
      } finally {
        await removeFiles([file], "an object", signal);
      }
      return { ok: true, ms: clock.now() - start, note: skewNote(client.config.systemClockOffset) };
    } catch (error) {
      signal?.throwIfAborted();
      return { ok: false, reason: error instanceof Error ? error.message : String(error) };
    }
  };

  return {
    put,
    stat,
    open,
    sidecar,
    remove,
    list,
    presign,
    check,
    publicUrl: (name) => publicUrlOf(settings, name),
    [Symbol.dispose]: () => client.destroy(),
  };
}

function factsOf(
  name: string,
  { ContentType = "", LastModified = new Date(0) }: { ContentType?: string; LastModified?: Date },
  size = 0,
): Omit<OpenBlob, "bytes"> {
  const type = ContentType in EXTENSIONS ? ContentType as ImageType : typeByName(name)!;
  return { type, size, modified: LastModified };
}

/** A body that fails where it stalls or ends early. */
function watched(
  body: ReadableStream<Uint8Array>,
  size: number,
  clock: Clock,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let left = size;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      using time = clock.timeout(LIMITS.idle);
      const stop = () => reader.cancel(time.signal.reason);
      time.signal.addEventListener("abort", stop);
      const { done, value } = await reader.read();
      if (done && left > 0) {
        const end = time.signal.aborted ? "stalled" : "broke off";
        throw new Error(`Cannot read an image: the bucket's answer ${end}`);
      }
      if (done) return controller.close();
      left -= value.length;
      controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
}

function unlessMissing(error: unknown): undefined {
  if (!isCalled(error, "NoSuchKey") && !isCalled(error, "NotFound")) throw error;
}

function isCalled(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

function undefinedIfNoJson(error: unknown): undefined {
  if (!(error instanceof SyntaxError)) throw error;
}
