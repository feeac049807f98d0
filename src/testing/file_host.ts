/** The storage that results are fetched from: another host than the API, open to everybody who has the address. */
import { Refusal } from "./reply.ts";
import { type Route, ScriptedService } from "./scripted_service.ts";

/** Serves files; its `calls` tell who came for them, and with which headers. */
export class FileHost extends ScriptedService {
  protected readonly keyPattern = undefined;
  readonly #files = new Map<string, { bytes: Uint8Array<ArrayBuffer>; type: string }>();

  protected readonly routes: Record<string, Route> = {
    "GET /:name": {
      kind: "images",
      answer: (_call, { name }) => {
        const file = this.#files.get(name ?? "");
        if (!file) throw this.refuseCall();
        return { file };
      },
    },
  };

  get url(): string {
    return this.origin;
  }

  /** Keeps a file and gives its address, with a signature in the query as storage services have it. */
  put(bytes: Uint8Array, type: string, query = "signature=0123456789abcdef"): string {
    const name = `${this.#files.size + 1}.${type.split("/")[1]}`;
    this.#files.set(name, { bytes: new Uint8Array(bytes), type });
    return `${this.origin}/${name}?${query}`;
  }

  protected makeKey(): string {
    throw new Error("Cannot make a key: this host asks for none");
  }

  protected refuseKey(): Refusal {
    return this.refuseCall();
  }

  protected refuseCall(): Refusal {
    return new Refusal(404, { error: "NoSuchKey" });
  }
}

/** A service whose results lie on another host than its API. */
export abstract class ServiceWithFiles extends ScriptedService {
  /** Where results lie; nobody may show a key there. */
  readonly files = new FileHost();

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.files[Symbol.asyncDispose]();
  }
}
