/** Apps on Modal, scripted: the platform around them, and three apps that each speak in a way of their own. */
import { ServiceWithFiles } from "./file_host.ts";
import {
  type ModalOpenAiRequest,
  platformError,
  readModalJson,
  readModalOpenAi,
  readModalOpenAiForm,
  readModalQuery,
  unprocessable,
} from "./modal_requests.ts";
import { paint } from "./painting.ts";
import type { RecordedCall } from "./recorded_call.ts";
import { Refusal, type Reply } from "./reply.ts";
import type { CallTrouble, KeyTrouble, Route } from "./scripted_service.ts";

/** Who is let in: holders of a proxy token, of the app's own bearer token, or everybody. */
export type ModalAuth = "proxy" | "bearer" | "none";

/** How the app that takes JSON hands its pictures over. */
export type ModalShape =
  | "objects"
  | "addresses"
  | "own addresses"
  | "texts"
  | "data URIs"
  | "one"
  | "output"
  | "bytes";

const KEYS: Record<ModalAuth, RegExp | undefined> = {
  proxy: /^wk-[A-Za-z0-9]{10,}:ws-[A-Za-z0-9]{10,}$/,
  bearer: /^[\w.-]+$/,
  none: undefined,
};

/** Starts Modal with apps. A prompt that contains "forbidden" is refused by their filters. */
export function modalService(options: { auth?: ModalAuth } = {}): ModalService {
  return new ModalService(options);
}

/** A running Modal; the apps are at `url` alike: `/v1/…` is one, `POST /` another, `GET /` the third. */
export class ModalService extends ServiceWithFiles {
  /** How the app that takes JSON answers from now on. */
  shape: ModalShape = "objects";
  protected readonly keyPattern?: RegExp;
  readonly #auth: ModalAuth;
  readonly #waiting = new Map<string, { hops: number; reply: Reply; key?: string }>();
  readonly #kept = new Map<string, Uint8Array<ArrayBuffer>>();
  #hops = 0;
  #spawns?: "call_id" | "result_url";
  #painted = 0;

  protected readonly routes: Record<string, Route> = {
    "POST /v1/images/generations": {
      kind: "images",
      answer: (call) => this.#hold(call, () => this.#asOpenAi(readModalOpenAi(call.json))),
    },
    "POST /v1/images/edits": {
      kind: "images",
      answer: (call) => this.#hold(call, () => this.#asOpenAi(readModalOpenAiForm(call.form))),
    },
    "GET /v1/images/:endpoint": { kind: "tasks", answer: (call) => this.#result(call) },
    "POST /": { kind: "images", answer: (call) => this.#hold(call, () => this.#ownJson(call.json)) },
    "GET /": {
      kind: "images",
      answer: (call) => isResult(call) ? this.#result(call) : this.#hold(call, () => this.#raw(call.query)),
    },
    "GET /result/:id": { kind: "tasks", answer: (call, { id = "" }) => this.#spawned(call, id) },
    "GET /files/:name": { kind: "tasks", answer: (_call, { name = "" }) => this.#file(name) },
  };

  constructor({ auth = "proxy" }: { auth?: ModalAuth }) {
    super();
    this.#auth = auth;
    this.keyPattern = KEYS[auth];
  }

  get url(): string {
    return this.origin;
  }

  /** Calls from now on are sent on this often before there is a result. */
  redirect(hops: number): void {
    this.#hops = hops;
  }

  /** Calls from now on begin a call of their own, whose result is asked for; told after `turns` questions. */
  spawn(tells: "call_id" | "result_url", turns: number): void {
    this.#spawns = tells;
    this.#hops = turns;
  }

  /** Forgets all results. */
  forget(): void {
    this.#waiting.clear();
  }

  protected override keyOf({ headers, key }: RecordedCall): string | undefined {
    if (this.#auth !== "proxy") return key;
    const pair = [headers.get("modal-key"), headers.get("modal-secret")];
    return pair.every(Boolean) ? pair.join(":") : undefined;
  }

  protected makeKey(serial: number): string {
    const tail = serial.toString(36).padStart(22, "Ab0");
    return this.#auth === "bearer" ? `app-token-${tail}` : `wk-${tail}:ws-${tail}`;
  }

  protected refuseKey(trouble: KeyTrouble): Refusal {
    if (trouble.kind === "drained") return platformError(404, "workspace ac-Ab0Cd1Ef2 is disabled");
    if (trouble.kind === "limited") {
      const { retryAfter } = trouble;
      return platformError(429, "rate limit exceeded", retryAfter ? { "retry-after": `${retryAfter}` } : {});
    }
    if (this.#auth === "bearer") return new Refusal(401, { detail: "Incorrect bearer token" });
    const what = trouble.kind === "missing" ? "missing" : "invalid";
    return platformError(401, `${what} credentials for proxy authorization`);
  }

  protected refuseCall(trouble: CallTrouble, { query }: RecordedCall): Refusal {
    if (query.has(CALL_ID)) return platformError(400, "bad redirect method");
    if (trouble === "unknown path") return new Refusal(404, { detail: "Not Found" });
    if (trouble === "wrong method") return new Refusal(405, { detail: "Method Not Allowed" });
    return unprocessable("body", "JSON decode error");
  }

  /** Answers now, or says where the answer will be. */
  async #hold(call: RecordedCall, answer: () => Promise<Reply>): Promise<Reply> {
    if (isResult(call)) throw platformError(400, "bad redirect method");
    if (this.#hops === 0) return await answer();
    // What is wrong with a call is told by its result, since the app speaks no sooner.
    const reply = await answer().catch((error) => {
      if (!(error instanceof Refusal)) throw error;
      return { status: error.status, headers: error.headers, json: error.body };
    });
    const id = `fc-01JXYZ${`${this.#waiting.size + 1}`.padStart(20, "0")}`;
    this.#waiting.set(id, { hops: this.#hops, reply, key: call.key });
    if (this.#spawns === "call_id") return { status: 202, json: { call_id: id } };
    if (this.#spawns === "result_url") return { status: 202, json: { result_url: `/result/${id}` } };
    return this.#sendOn(call, id);
  }

  #sendOn({ path, query }: RecordedCall, id: string): Reply {
    const location = new URL(`${path}?${query}`, this.origin);
    location.searchParams.set(CALL_ID, id);
    return { status: 303, headers: { location: location.href } };
  }

  #result(call: RecordedCall): Reply {
    const id = call.query.get(CALL_ID) ?? "";
    const waiting = this.#waiting.get(id);
    if (!waiting || waiting.key !== call.key) throw platformError(404, "invalid function call");
    if (--waiting.hops > 0) return this.#sendOn(call, id);
    this.#waiting.delete(id);
    return waiting.reply;
  }

  #spawned({ key }: RecordedCall, id: string): Reply {
    const waiting = this.#waiting.get(id);
    if (!waiting || waiting.key !== key) throw new Refusal(404, "", { "content-type": "text/plain" });
    if (--waiting.hops > 0) return { status: 202 };
    return waiting.reply;
  }

  async #asOpenAi(request: ModalOpenAiRequest): Promise<Reply> {
    const { n, width, height, seed, response_format } = request;
    const pictures = await Promise.all(Array.from({ length: n }, () => this.#paint(width, height, seed)));
    const data = pictures.map((bytes) =>
      response_format === "b64_json"
        ? { b64_json: bytes.toBase64() }
        : { url: this.files.put(bytes, "image/png") }
    );
    return { json: { created: 1_763_700_000, data } };
  }

  async #ownJson(json: unknown): Promise<Reply> {
    const { width, height, num_images, seed } = readModalJson(json);
    const pictures = await Promise.all(
      Array.from({ length: num_images }, () => this.#paint(width, height, seed)),
    );
    return this.#inShape(pictures, seed ?? 7);
  }

  #inShape(pictures: Uint8Array<ArrayBuffer>[], seed: number): Reply {
    const texts = pictures.map((bytes) => bytes.toBase64());
    const first = pictures[0]!;
    const empty = { images: [] };
    switch (this.shape) {
      case "objects":
        return {
          empty,
          json: { images: texts.map((b64_json) => ({ b64_json, mime_type: "image/png", seed })) },
        };
      case "addresses":
        return {
          json: { images: pictures.map((bytes) => ({ url: this.files.put(bytes, "image/png"), seed })) },
        };
      case "own addresses":
        return { json: { images: pictures.map((bytes) => ({ url: this.#keep(bytes) })) } };
      case "texts":
        return { json: { images: texts } };
      case "data URIs":
        return { json: { images: texts.map((text) => `data:image/png;base64,${text}`) } };
      case "one":
        return { json: { image: texts[0] } };
      case "output":
        return { json: { output: [this.files.put(first, "image/png")] } };
      case "bytes":
        return { file: { bytes: first, type: "image/png" } };
    }
  }

  async #raw(query: URLSearchParams): Promise<Reply> {
    const { seed } = readModalQuery(query);
    return { file: { bytes: await this.#paint(512, 512, seed), type: "image/png" } };
  }

  #keep(bytes: Uint8Array<ArrayBuffer>): string {
    const name = `${this.#kept.size + 1}.png`;
    this.#kept.set(name, bytes);
    return `/files/${name}`;
  }

  #file(name: string): Reply {
    const bytes = this.#kept.get(name);
    if (!bytes) throw new Refusal(404, { detail: "Not Found" });
    return { file: { bytes, type: "image/png" } };
  }

  async #paint(width: number, height: number, seed?: number): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await paint({ width, height, seed: (seed ?? 0) + ++this.#painted }));
  }
}

const CALL_ID = "__modal_function_call_id";

function isResult({ query }: RecordedCall): boolean {
  return query.has(CALL_ID);
}
