/**
 * Where a bucket is. Consoles show addresses in several forms, with the bucket in the path, in the host or not
 * at all, and every one of them gets pasted into the settings.
 */

/** What reaches a bucket, as configured. */
export interface S3Settings {
  endpoint: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
  /** Default `auto`: what the endpoint's name tells. */
  region?: string;
  /** Where anybody can read the bucket. */
  publicUrl?: string;
  /** Beginning of the names of all objects, such as `images/`. */
  prefix?: string;
  /** Whether the bucket is named in the path instead of the host. */
  pathStyle?: boolean;
}

/** The server without the bucket, and how the bucket is named to it. */
export interface S3Address {
  endpoint: string;
  region: string;
  pathStyle: boolean;
}

/** Where to send requests for these settings. */
export function s3Address(
  { endpoint, bucket, region = "auto", pathStyle = false }: Pick<
    S3Settings,
    "endpoint" | "bucket" | "region" | "pathStyle"
  >,
): S3Address {
  const url = new URL(endpoint);
  const path = url.pathname.replace(/\/+$/, "");
  const inPath = path.endsWith(`/${bucket}`);
  const rest = inPath ? path.slice(0, -bucket.length - 1) : path;
  if (!pathStyle && !inPath) url.hostname = withoutBucket(url.hostname, bucket);
  return {
    endpoint: `${url.origin}${rest.replace(/\/+$/, "")}`,
    region: region === "auto" ? regionOf(url.hostname) : region,
    // A name without a dot is one of a local network, where nobody has set up `bucket.minio`.
    pathStyle: pathStyle || inPath || !url.hostname.includes("."),
  };
}

/** Where anybody can read an object; its name may have blanks and letters of any script. */
export function publicAddress(publicUrl: string, key: string): string {
  return `${publicUrl.replace(/\/+$/, "")}/${key.split("/").map(encodeURIComponent).join("/")}`;
}

/** The object of an image. */
export function objectKey({ prefix = "" }: Pick<S3Settings, "prefix">, name: string): string {
  return prefix.replace(/^\/+/, "") + name;
}

/** The address at which anybody can read an image; `undefined` where the bucket is not public. */
export function publicUrlOf(
  settings: Pick<S3Settings, "prefix" | "publicUrl">,
  name: string,
): string | undefined {
  const { publicUrl } = settings;
  return publicUrl === undefined ? undefined : publicAddress(publicUrl, objectKey(settings, name));
}

/** Takes off the bucket's label where a server is left: `minio` is not the bucket in `minio.example.com`. */
function withoutBucket(host: string, bucket: string): string {
  const rest = host.startsWith(`${bucket}.`) ? host.slice(bucket.length + 1) : "";
  return rest.split(".").length > 2 ? rest : host;
}

/** As in `s3.eu-central-1.amazonaws.com` and its like. Most others take any, and this one where they have none. */
function regionOf(host: string): string {
  return /(?:^|\.)s3[.-]([a-z]+-[a-z\d-]+)\./.exec(host)?.[1] ?? "us-east-1";
}
