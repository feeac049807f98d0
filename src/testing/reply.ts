/** Answers of scripted services: what they consist of, and the ways in which they can go wrong. */

/** An answer, before anything happened to it: JSON, a stream of events, or a file. */
export interface Reply {
  /** 200, unless told otherwise. */
  status?: number;
  headers?: Record<string, string>;
  /** Sent as it is where it is a text and the headers name a type of text. */
  json?: unknown;
  events?: ServerEvent[];
  /** Tears the body into pieces of so many bytes, as networks do. */
  pieceBytes?: number;
  file?: { bytes: Uint8Array<ArrayBuffer>; type: string };
  /** The JSON of the same answer without an image; by default its `data` is empty then. */
  empty?: unknown;
}

/** One server-sent event; data that is text goes out as it is, anything else as JSON. */
export interface ServerEvent {
  event?: string;
  data: unknown;
}

/**
 * What can happen to a good answer.
 * - `hang`: it never comes · `reset`: the connection breaks before the body · `reset midway`: in the middle of it
 * - `truncated`: it ends early, as if that were all · `garbage`: a web page instead · `empty`: no image in it
 * - `{ lastEvent }`: a stream ends with this instead
 * - anything with a status, such as a `Refusal`, takes its place
 */
export type Fault =
  | "hang"
  | "reset"
  | "reset midway"
  | "truncated"
  | "garbage"
  | "empty"
  | { lastEvent: ServerEvent }
  | { status: number; body?: unknown; headers?: Record<string, string> };

/** A refusal in a service's own words. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly body: unknown,
    readonly headers: Record<string, string> = {},
  ) {
    super(`refused with ${status}: ${JSON.stringify(body)}`);
    this.name = "Refusal";
  }
}

/** Bytes that are sent at once. */
export type Frame = Uint8Array<ArrayBuffer>;

/** An answer as it goes over the wire. */
export interface WireReply {
  status: number;
  type: string;
  headers: Record<string, string>;
  frames: Frame[];
  /** Whether the connection breaks after the last frame. */
  breaksOff: boolean;
}

/** Brings an answer into the form of the wire, with what a fault leaves of it. */
export function spoil(reply: Reply, fault?: Fault): WireReply {
  if (fault === "empty") return onWire(withoutImages(reply));
  if (fault === "garbage") {
    const bytes = encode("<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head></html>");
    return onWire({ file: { bytes, type: "text/html" } });
  }
  if (typeof fault === "object") {
    if ("lastEvent" in fault) {
      return onWire({ ...reply, events: [...(reply.events ?? []).slice(0, -1), fault.lastEvent] });
    }
    return onWire({ status: fault.status, headers: fault.headers, json: fault.body });
  }
  const wire = onWire(reply);
  if (fault === "reset") return { ...wire, frames: [], breaksOff: true };
  if (fault === "truncated") return { ...wire, frames: half(wire.frames) };
  if (fault === "reset midway") return { ...wire, frames: half(wire.frames), breaksOff: true };
  return wire;
}

function onWire({ status = 200, headers = {}, json, events, pieceBytes, file }: Reply): WireReply {
  const wire = { status, headers, breaksOff: false };
  const cut = (frames: Frame[]) => pieceBytes ? torn(frames, pieceBytes) : frames;
  if (events) return { ...wire, type: "text/event-stream", frames: cut(events.map(eventFrame)) };
  if (file) return { ...wire, type: file.type, frames: cut([file.bytes]) };
  const text = json === undefined ? "" : isText(json, headers) ? json : JSON.stringify(json);
  return { ...wire, type: "application/json", frames: cut([encode(text)]) };
}

function isText(json: unknown, headers: Record<string, string>): json is string {
  return typeof json === "string" && headers["content-type"]?.startsWith("text/") === true;
}

function withoutImages(reply: Reply): Reply {
  if (reply.empty !== undefined) return { ...reply, json: reply.empty };
  if (reply.events) return { ...reply, events: [] };
  return { ...reply, json: { ...(reply.json as Record<string, unknown>), data: [] } };
}

function eventFrame({ event, data }: ServerEvent): Frame {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return encode(`${event ? `event: ${event}\n` : ""}data: ${text}\n\n`);
}

/** The same bytes, cut where nobody would cut them. */
function torn(frames: Frame[], pieceBytes: number): Frame[] {
  return frames.flatMap((frame) =>
    Array.from(
      { length: Math.ceil(frame.length / pieceBytes) },
      (_, index) => frame.slice(index * pieceBytes, (index + 1) * pieceBytes),
    )
  );
}

/** The first half: of the events, or of the bytes where there is but one frame. */
function half(frames: Frame[]): Frame[] {
  return halves(frames).slice(0, Math.ceil(frames.length / 2));
}

/** Frames of which there are two at least, unless there is nothing to cut. */
export function halves(frames: Frame[]): Frame[] {
  const [only] = frames;
  if (frames.length > 1 || !only) return frames;
  return [only.slice(0, only.length >> 1), only.slice(only.length >> 1)];
}

function encode(text: string): Frame {
  return new TextEncoder().encode(text);
}
