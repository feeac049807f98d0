/**
 * The S3 client with everything decided here: its defaults look into variables, the home folder and the cloud's
 * metadata host for credentials and settings of other programs.
 */
import { createHash } from "node:crypto";
import { S3Client } from "@aws-sdk/client-s3";
import { s3Address, type S3Settings } from "./s3_address.ts";

/** In ms. */
const CONNECT_WITHIN = 5_000;

/** Makes the client. @param clockOffset how far from the time of day it signs at first, in ms */
export function createS3Client(settings: S3Settings, clockOffset = 0): S3Client {
  const { endpoint, region, pathStyle } = s3Address(settings);
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: pathStyle,
    credentials: { accessKeyId: settings.accessKey, secretAccessKey: settings.secretKey },
    systemClockOffset: clockOffset,
    // R2, MinIO, B2 and older servers refuse checksums that they do not know; bodies are signed anyhow.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { connectionTimeout: CONNECT_WITHIN },
    expectContinueHeader: false,
    // Whatever is not given here is looked for in variables and in files of ~/.aws, which are not ours.
    maxAttempts: 3,
    retryMode: "standard",
    defaultsMode: "standard",
    authSchemePreference: ["aws.auth#sigv4"],
    sigv4aSigningRegionSet: [region],
    useArnRegion: false,
    disableClockSkewCorrection: false,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    disableS3ExpressSessionAuth: true,
    userAgentAppId: "ImgRouter",
    // The default asks for the release of the operating system.
    defaultUserAgentProvider: () => Promise.resolve([["ImgRouter"]]),
  });
  addMd5OfRemovals(client);
  return client;
}

/**
 * Removing many objects needs a checksum, and the one that all servers know is the oldest:
 * https://github.com/aws/aws-sdk-js-v3/blob/main/supplemental-docs/MD5_FALLBACK.md
 */
function addMd5OfRemovals(client: S3Client): void {
  client.middlewareStack.add((next, context) => (args) => {
    const { request } = args;
    if (context.commandName === "DeleteObjectsCommand" && isRequest(request)) {
      for (const name of Object.keys(request.headers)) {
        if (/^x-amz-(sdk-)?checksum-/i.test(name)) delete request.headers[name];
      }
      request.headers["content-md5"] = createHash("md5").update(request.body).digest("base64");
    }
    return next(args);
  }, { step: "build", priority: "low", name: "md5OfRemovals" });
}

function isRequest(
  request: unknown,
): request is { headers: Record<string, string>; body: string | Uint8Array } {
  return typeof request === "object" && request !== null && "headers" in request && "body" in request;
}
