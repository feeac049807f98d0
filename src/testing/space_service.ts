/** A Space, scripted: a Gradio app on a host of its own that asks for no token, and takes one from whoever shows it. */
import { type AppFunction, GradioApp } from "./gradio_app.ts";
import { Refusal } from "./reply.ts";
import { type Route, ScriptedService } from "./scripted_service.ts";

/** Starts a scripted Space. @param options.prefix empty as before Gradio 5. */
export function spaceService(options: { functions?: AppFunction[]; prefix?: string } = {}): SpaceService {
  return new SpaceService(options);
}

/** A running Space; its address is `url`. */
export class SpaceService extends ScriptedService {
  readonly app: GradioApp;
  protected readonly keyPattern = undefined;
  protected readonly routes: Record<string, Route>;

  constructor(options: { functions?: AppFunction[]; prefix?: string }) {
    super();
    this.app = new GradioApp(() => this.origin, options);
    this.routes = this.app.routes;
  }

  get url(): string {
    return this.origin;
  }

  protected makeKey(): string {
    throw new Error("Cannot make a key: a Space asks for none");
  }

  protected refuseKey(): Refusal {
    return this.refuseCall();
  }

  protected refuseCall(): Refusal {
    return new Refusal(404, { detail: "Not Found" });
  }
}
