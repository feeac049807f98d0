/** The cases: what is asked, through what, and under which load. */
import { Buffer } from "node:buffer";
import { type Ask, modelFor } from "./ask.ts";
import type { Load, LoadRequest } from "./loads.ts";
import { noisePng } from "./noise.ts";
import type { TargetName } from "./targets.ts";

/** One thing to be measured: a target with what it is asked. */
export interface Lane {
  target: TargetName;
  request: LoadRequest;
  /** Tells lanes of the same target apart. */
  variant?: string;
}

/** Lanes that are compared with one another. */
export interface Case {
  name: string;
  title: string;
  load: Load;
  lanes: Lane[];
  /** Rounds beyond these would show nothing more. */
  maxRounds?: number;
  /** Whether memory is what counts, so that nothing may have run before. */
  cold?: true;
}

/** How large everything is: bytes, counts, milliseconds. */
export interface Scale {
  small: number;
  medium: number;
  large: number;
  rate: { small: number; medium: number; workers: number };
  waiting: number;
  slow: number;
  slowestMs: number;
  shortDelayMs: number;
  longDelayMs: number;
}

/** Pictures as services send them, and as many as a small server has to do with. */
export const FULL: Scale = {
  small: 1024,
  medium: 1_500_000,
  large: 4_000_000,
  rate: { small: 200, medium: 40, workers: 20 },
  waiting: 500,
  slow: 200,
  slowestMs: 6_000,
  shortDelayMs: 60,
  longDelayMs: 5_000,
};

/** The same in small, to see whether the bench itself works. */
export const TINY: Scale = {
  small: 1024,
  medium: 15_000,
  large: 40_000,
  rate: { small: 40, medium: 40, workers: 4 },
  waiting: 20,
  slow: 10,
  slowestMs: 100,
  shortDelayMs: 10,
  longDelayMs: 100,
};

const EVERYTHING: TargetName[] = [
  "upstream",
  "bare",
  "node",
  "node-disk",
  "nginx",
  "relay",
  "relay-disk",
  "backend",
];
const OURS: TargetName[] = ["bare", "relay", "backend"];
const PROXIES: TargetName[] = ["bare", "node", "nginx", "relay", "backend"];
const PROMPT = "a lighthouse in the fog";

/** All cases at a scale. */
export function casesAt(scale: Scale): Case[] {
  const { small, medium, large, rate, waiting, slow, slowestMs, shortDelayMs, longDelayMs } = scale;
  const closed = (connections: number): Load => ({ kind: "closed", connections });
  const b64 = (
    name: string,
    title: string,
    bytes: number,
    connections: number,
    targets: TargetName[],
  ): Case => ({
    name,
    title: `${title} as b64_json, ${connections} ${connections === 1 ? "connection" : "connections"}`,
    load: closed(connections),
    lanes: lanes(targets, generation({ bytes })),
  });
  const gzip = { "accept-encoding": "gzip, br" };
  return [
    b64("b64-1kb-c64", "1 KB", small, 64, EVERYTHING),
    b64("b64-1kb-c1", "1 KB", small, 1, PROXIES),
    b64("b64-1.5mb-c1", "1.5 MB", medium, 1, OURS),
    b64("b64-1.5mb-c8", "1.5 MB", medium, 8, EVERYTHING),
    b64("b64-1.5mb-c64", "1.5 MB", medium, 64, OURS),
    b64("b64-4mb-c8", "4 MB", large, 8, EVERYTHING),
    {
      name: "gzip-1.5mb",
      title: "1.5 MB as b64_json for a client that takes gzip and br, and for one that does not",
      load: closed(8),
      lanes: OURS.flatMap((target): Lane[] => [
        { target, request: generation({ bytes: medium }) },
        { target, variant: "gzip, br", request: generation({ bytes: medium }, { headers: gzip }) },
      ]),
    },
    {
      name: "url-4mb",
      title: "4 MB at an upstream URL, asked for as url",
      load: closed(8),
      lanes: lanes(OURS, generation({ form: "url", bytes: large }, { fields: { response_format: "url" } })),
    },
    {
      name: "url-as-b64-1.5mb",
      title: "1.5 MB at an upstream URL, asked for as b64_json (the bare proxy gets it as b64_json)",
      load: closed(8),
      lanes: [
        ...lanes(["bare"], generation({ bytes: medium })),
        ...lanes(
          ["relay", "backend"],
          generation({ form: "url", bytes: medium }, {
            fields: { response_format: "b64_json" },
            holds: '"b64_json"',
          }),
        ),
      ],
    },
    {
      name: "edits-4mb-upload",
      title: "an edit with a 4 MB upload, 1.5 MB back",
      load: closed(8),
      lanes: lanes(PROXIES, edit({ bytes: medium }, large)),
    },
    {
      name: "stream-1.5mb",
      title: "a stream with one preview, 1.5 MB each",
      load: closed(8),
      lanes: lanes(
        OURS,
        generation({ bytes: medium }, { fields: { stream: true, partial_images: 1 }, holds: ".completed" }),
      ),
    },
    {
      name: "chat-1.5mb",
      title: "chat, 1.5 MB (a link where pictures are stored)",
      load: closed(8),
      lanes: lanes(OURS, chat({ bytes: medium }, false)),
    },
    {
      name: "chat-stream-1.5mb",
      title: "chat as a stream, 1.5 MB (a link where pictures are stored)",
      load: closed(8),
      lanes: lanes(OURS, chat({ bytes: medium }, true)),
    },
    {
      name: "open-1kb",
      title: `1 KB, ${rate.small} requests a second, upstream takes ${shortDelayMs} ms`,
      load: { kind: "open", rate: rate.small, workers: rate.workers },
      lanes: lanes(PROXIES, generation({ bytes: small, delayMs: shortDelayMs })),
    },
    {
      name: "open-1.5mb",
      title: `1.5 MB, ${rate.medium} requests a second, upstream takes ${shortDelayMs} ms`,
      load: { kind: "open", rate: rate.medium, workers: rate.workers },
      lanes: lanes(PROXIES, generation({ bytes: medium, delayMs: shortDelayMs })),
    },
    {
      name: "waiting-500",
      title: `${waiting} requests at once, upstream takes ${longDelayMs} ms`,
      load: { kind: "burst", count: waiting },
      lanes: lanes(PROXIES, generation({ bytes: small, delayMs: longDelayMs })),
      maxRounds: 1,
      cold: true,
    },
    {
      name: "slow-200",
      title: `${slow} × 4 MB at once to slow readers (p50, p99: to the first byte)`,
      load: { kind: "slow", count: slow, slowestMs },
      lanes: lanes(["bare", "node", "node-disk", "relay", "backend"], generation({ bytes: large })),
      cold: true,
    },
  ];
}

function lanes(targets: readonly TargetName[], request: LoadRequest): Lane[] {
  return targets.map((target) => ({ target, request }));
}

type Wanted = Partial<Ask> & { bytes: number };

function generation(
  ask: Wanted,
  { fields = {}, headers = {}, holds }: {
    fields?: Record<string, unknown>;
    headers?: Record<string, string>;
    holds?: string;
  } = {},
): LoadRequest {
  return {
    ...json("/v1/images/generations", { model: modelOf(ask), prompt: PROMPT, ...fields }),
    headers: { "content-type": "application/json", ...headers },
    holds: holds ?? (ask.form === "url" ? '"url":"http' : '"b64_json":"'),
  };
}

function chat(ask: Wanted, stream: boolean): LoadRequest {
  const messages = [{ role: "user", content: PROMPT }];
  return json("/v1/chat/completions", { model: modelOf(ask), messages, stream });
}

function json(path: string, fields: Record<string, unknown>): LoadRequest {
  return {
    path,
    headers: { "content-type": "application/json" },
    body: new TextEncoder().encode(JSON.stringify(fields)),
    holds: "](",
  };
}

/** The model goes first, so that the upstream need not look through the picture for it. */
function edit(ask: Wanted, upload: number): LoadRequest {
  const boundary = "----bench-2f6b1c9a";
  const field = (name: string, value: string) =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const head = field("model", modelOf(ask)) + field("prompt", PROMPT) +
    `--${boundary}\r\ncontent-disposition: form-data; name="image"; filename="in.png"\r\ncontent-type: image/png\r\n\r\n`;
  return {
    path: "/v1/images/edits",
    headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([Buffer.from(head), noisePng(upload), Buffer.from(`\r\n--${boundary}--\r\n`)]),
    holds: '"b64_json":"',
  };
}

function modelOf({ form = "b64", bytes, delayMs = 0 }: Wanted): string {
  return modelFor({ form, bytes, delayMs });
}
