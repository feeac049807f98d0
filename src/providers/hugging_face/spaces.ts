/**
 * Spaces by Gradio's HTTP API: inputs are uploaded, a function is called, and its events are listened to.
 * Where one Space is out of service, the next address of the model is asked.
 */
import { z } from "@hono/zod-openapi";
import { CONSEQUENCES, Failed } from "../../core/failure.ts";
import { Media } from "../../core/media.ts";
import type { Call, Made, Operation, Ticket } from "../../core/provider.ts";
import type { ImageRequest } from "../../core/request.ts";
import { events, json } from "../call.ts";
import { job, type JobState } from "../job.ts";
import type { CacheLimits } from "./cache.ts";
import { failureOf } from "./failures.ts";
import {
  AT_SPACE,
  type FileData,
  fillArguments,
  KNOWN_SPACES,
  type KnownSpace,
  type Signature,
  SpaceReader,
} from "./space_signatures.ts";

/** What asking Spaces depends on. */
export interface SpacesOptions extends CacheLimits {
  /** Functions by host. */
  known?: Readonly<Record<string, KnownSpace>>;
}

/** Makes the operation that asks the Spaces of a model, one after the other. */
export function createSpaces({ known = KNOWN_SPACES, ...limits }: SpacesOptions = {}): Operation {
  const reader = new SpaceReader(limits);
  return async (request, call) => {
    const failures: Failed[] = [];
    for (const [index, space] of call.hosts.entries()) {
      try {
        const { host } = new URL(space);
        const shortcut = Object.hasOwn(known, host) ? known[host] : undefined;
        return await askSpace(space, shortcut, reader)(request, call);
      } catch (error) {
        const failure = call.signal.aborted ? undefined : asSpaceFailure(error);
        if (!failure) throw error;
        failures.push(failure);
        const next = call.hosts[index + 1];
        if (next === undefined) break;
        call.note(`${new URL(space).host} could not do it, ${new URL(next).host} was asked`);
      }
    }
    // What may pass says more than what is lost for good.
    throw failures.find(({ failure }) => CONSEQUENCES[failure.kind].again) ?? failures.at(-1)!;
  };
}

/** A failure that another Space may not share, or nothing where the request, the key or its allowance is at fault. */
function asSpaceFailure(error: unknown): Failed | undefined {
  if (error instanceof TypeError) return new Failed({ kind: "unreachable", message: error.message }, error);
  if (!(error instanceof Failed)) return undefined;
  const { kind } = error.failure;
  return CONSEQUENCES[kind].next === "next route" || kind === "not_permitted" ? error : undefined;
}

/** Asks one Space. */
function askSpace(space: string, known: KnownSpace | undefined, reader: SpaceReader): Operation {
  /** By it a call is taken back; any eleven letters will do. */
  const session = crypto.randomUUID().slice(-11);
  let signature: Signature | undefined;

  async function submit(request: ImageRequest, call: Call): Promise<Ticket> {
    const { api_name, ...providerParams } = request.providerParams;
    const apiName = typeof api_name === "string" ? api_name.replace(/^\//, "") : undefined;
    const asked = { ...request, providerParams };
    signature = known && apiName === undefined ? await reader.complete(space, known, call) : undefined;
    if (signature) {
      try {
        return await begin(signature, asked, call);
      } catch (error) {
        // Spaces change: what no longer fits is read from the Space itself.
        if (!(error instanceof Failed) || !MISFITS.includes(error.failure.status ?? 0)) throw error;
      }
    }
    signature = await reader.find(space, request, apiName, call);
    return await begin(signature, asked, call);
  }

  async function begin(to: Signature, request: ImageRequest, call: Call): Promise<Ticket> {
    const files = await Promise.all(
      request.inputs.map((input) => upload(`${space}${to.prefix}`, input, call)),
    );
    const data = fillArguments(to, request, files, call.note);
    const address = `${space}${to.prefix}/call/${to.fn}`;
    const { event_id } = await call.post(
      address,
      { data, session_hash: session },
      json(CallReply),
      AT_SPACE,
    );
    return { id: event_id, url: `${address}/${event_id}` };
  }

  return job({
    listens: true,
    submit: (request, call) => atSpace(() => submit(request, call)),
    check: (ticket, call) => atSpace(() => listen(ticket, `${space}${signature!.prefix}`, call)),
    cancel: async ({ id }, call) => {
      if (signature?.fnIndex === undefined) return;
      const body = { session_hash: session, fn_index: signature.fnIndex, event_id: id };
      await call.post(`${space}${signature.prefix}/cancel`, body, json(z.unknown()), AT_SPACE);
    },
  });
}

/** Statuses by which Gradio tells that a function, or its arguments, are not what it has. */
const MISFITS = [400, 404, 422, 500];

/** At a Space a refused token may as well mean that the Space is private, so it is not held against the token. */
async function atSpace<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof Failed) || error.failure.kind !== "key_rejected") throw error;
    throw new Failed({ ...error.failure, kind: "not_permitted" }, error);
  }
}

async function upload(base: string, input: Media, call: Call): Promise<FileData> {
  const file = await input.file("image", call.signal);
  const form = new FormData();
  form.set("files", file);
  const [path] = await call.form(`${base}/upload`, form, json(UploadReply), AT_SPACE);
  return { path: path!, orig_name: file.name, mime_type: file.type, meta: { _type: "gradio.FileData" } };
}

/** Listens until there is a result. A stream that ends before is opened again. */
async function listen({ url }: Ticket, base: string, call: Call): Promise<JobState> {
  let said: JobState = { state: "unknown", message: "the Space's stream ended without a result" };
  const hear = (data: string, event: string | undefined) => {
    if (event === "complete") said = { state: "done", made: madeOf(parse(data), base, call) };
    if (event === "error") said = readError(parse(data));
    return event === "complete" || event === "error";
  };
  await call.get(url!, events(hear), { ...AT_SPACE, headers: { accept: "text/event-stream" } });
  return said;
}

/** What an `error` event says; apps that don't show their errors give `null`. @throws Failed */
function readError(data: unknown): JobState {
  const parsed = z.object({ error: z.string().nullish() }).safeParse(data);
  const words = typeof data === "string" ? data : parsed.data?.error;
  // So Gradio tells of an event that it does not know, or has told of already.
  if (typeof data === "string" && data.startsWith("404")) return { state: "unknown", message: data };
  throw failureOf(words || "the Space failed without saying why");
}

/** @throws Failed `malformed_reply` */
function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new Failed({ kind: "malformed_reply", message: `expected JSON, got: ${data.slice(0, 120)}` });
  }
}

/** The first image among a function's outputs, and the seed that follows it. */
function madeOf(outputs: unknown, base: string, call: Call): Made {
  const values = Array.isArray(outputs) ? outputs : [];
  const at = values.findIndex((value) => addressIn(value) !== undefined);
  if (at < 0) return { images: [] };
  const seed = values.slice(at + 1).map(seedIn).find((value) => value !== undefined);
  return { images: [{ media: mediaOf(addressIn(values[at])!, base, call), seed }] };
}

/** Where the image of an output is: a file, a gallery of them, or a plain text. */
function addressIn(output: unknown): string | undefined {
  const first: unknown = Array.isArray(output) ? output[0] : output;
  const { data } = OutputFile.safeParse(first);
  const file = data?.image ?? data;
  if (file) return file.url ?? file.path ?? undefined;
  return typeof first === "string" && /^(https?:|data:image\/|\/)/.test(first) ? first : undefined;
}

/** A number, or a sentence with one, such as `Seed used: 42`. */
function seedIn(output: unknown): number | undefined {
  const text = typeof output === "number" ? `${output}` : typeof output === "string" ? output : "";
  const found = /^(?:[^\d]*seed[^\d]*)?(\d{1,15})$/i.exec(text.trim())?.[1];
  return found === undefined ? undefined : Number(found);
}

/** An image of the Space's own is fetched as the Space was asked; one elsewhere goes through the guard. */
function mediaOf(address: string, base: string, call: Call): Media {
  if (address.startsWith("data:")) return Media.fromBase64(address.slice(address.indexOf(",") + 1));
  const url = /^https?:/.test(address)
    ? address
    : `${base}/file=${address.split("/").map(encodeURIComponent).join("/")}`;
  return URL.parse(url)?.origin === new URL(base).origin ? call.ownImage(url, AT_SPACE) : call.image(url);
}

const CallReply = z.object({ event_id: z.string() });

const UploadReply = z.array(z.string()).min(1);

const FileReply = z.object({ url: z.string().nullish(), path: z.string().nullish() });

const OutputFile = FileReply.extend({ image: FileReply.nullish() });
