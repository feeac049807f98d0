/**
 * What Spaces want to be told: the functions of those that are known, as data; of all others, what they say of
 * themselves; and a request put into the arguments of either.
 */
import { z } from "@hono/zod-openapi";
import { Failed } from "../../core/failure.ts";
import type { Call, CallInit } from "../../core/provider.ts";
import type { ImageRequest } from "../../core/request.ts";
import { json } from "../call.ts";
import { Cache, type CacheLimits } from "./cache.ts";

/** Calls to a Space: the operator named its address, so it may be anywhere, and sees the key only at home. */
export const AT_SPACE: CallInit = { mayBeForeign: true };

/** One argument of a function. */
export interface Parameter {
  name: string;
  /** The kind of field that it has in the app, such as `Slider` or `Gallery`. */
  component?: string;
  /** What it is where nobody says; absent = it has to be said. */
  default?: unknown;
}

/** A function of a Space. */
export interface Signature {
  /** Between host and path: `/gradio_api` since Gradio 5, nothing before. */
  prefix: string;
  /** Its name, without a slash. */
  fn: string;
  /** Its number; without it a call can't be taken back. */
  fnIndex?: number;
  /** Its arguments, in their order. */
  parameters: readonly Parameter[];
}

/** A known function; where its name isn't known, its number tells it. */
export type KnownSpace = Partial<Pick<Signature, "fn" | "fnIndex">> & Pick<Signature, "parameters">;

const named = (name: string, value?: unknown): Parameter => ({ name, default: value });

const TURBO: KnownSpace = {
  fn: "generate_image",
  parameters: [
    named("prompt"),
    named("height", 1024),
    named("width", 1024),
    named("num_inference_steps", 9),
    named("seed", 42),
    named("randomize_seed", true),
  ],
};

/** Functions of known Spaces, by host. */
export const KNOWN_SPACES: Readonly<Record<string, KnownSpace>> = {
  "mrfakename-z-image-turbo.hf.space": { ...TURBO, fnIndex: 2 },
  "luca115-z-image-turbo.hf.space": TURBO,
  "linoyts-z-image-portrait.hf.space": TURBO,
  "prokofyev8-z-image-portrait.hf.space": TURBO,
  "yingzhac-z-image-nsfw.hf.space": TURBO,
  "mrfakename-z-image.hf.space": {
    fnIndex: 2,
    parameters: [
      named("prompt"),
      named("negative_prompt", ""),
      named("height", 1024),
      named("width", 1024),
      named("num_inference_steps", 30),
      named("guidance_scale", 4),
      named("seed", 42),
      named("randomize_seed", true),
    ],
  },
  "black-forest-labs-flux-1-schnell.hf.space": {
    fn: "infer",
    fnIndex: 2,
    parameters: [
      named("prompt"),
      named("seed", 0),
      named("randomize_seed", true),
      named("width", 1024),
      named("height", 1024),
      named("num_inference_steps", 4),
    ],
  },
  "linoyts-qwen-image-edit-2511-fast.hf.space": {
    fnIndex: 0,
    parameters: [
      { name: "images", component: "Gallery" },
      named("prompt"),
      named("seed", 0),
      named("randomize_seed", true),
      named("true_guidance_scale", 1),
      named("num_inference_steps", 4),
      named("height", 1024),
      named("width", 1024),
      named("rewrite_prompt", false),
    ],
  },
};

/** What a Space says of itself. */
interface SpaceInfo {
  prefix: string;
  /** Numbers of functions by name. */
  numbers: ReadonlyMap<string, number>;
  functions: readonly { name: string; parameters: readonly Parameter[]; givesImage: boolean }[];
}

/** Asks Spaces for their functions, and remembers what they said for some minutes. */
export class SpaceReader {
  readonly #infos: Cache<SpaceInfo>;

  constructor(limits?: CacheLimits) {
    this.#infos = new Cache(limits);
  }

  /**
   * The function at `space` that does what is asked.
   * @param apiName its name, if somebody insists on one. @throws Failed `model_not_found` where there is none
   */
  async find(
    space: string,
    request: ImageRequest,
    apiName: string | undefined,
    call: Call,
  ): Promise<Signature> {
    const { prefix, numbers, functions } = await this.#read(space, call);
    type Fn = SpaceInfo["functions"][number];
    const hasWords = ({ parameters, givesImage }: Fn) =>
      givesImage && parameters.some(({ name }) => roleOf(name) === "prompt");
    // Fields for images often don't tell that they may stay empty, so those without any come first.
    const fits = (fn: Fn) => hasWords(fn) && fn.parameters.some(isPicture) === request.inputs.length > 0;
    const found = functions.find(apiName === undefined ? fits : ({ name }) => name === apiName) ??
      functions.find((fn) => apiName === undefined && request.inputs.length === 0 && hasWords(fn));
    if (!found) {
      const what = apiName ?? (request.inputs.length > 0 ? "edits images" : "makes images from words");
      const names = functions.map(({ name }) => name).join(", ") || "none";
      throw new Failed({
        kind: "model_not_found",
        message: `the Space at ${
          new URL(space).host
        } has no function that is seen to fit: ${what}; it has: ${names}`,
      });
    }
    return { prefix, fn: found.name, fnIndex: numbers.get(found.name), parameters: found.parameters };
  }

  /** The known function at `space`, with its name looked up where only its number is known. */
  async complete(space: string, known: KnownSpace, call: Call): Promise<Signature | undefined> {
    if (known.fn !== undefined) return { prefix: "/gradio_api", ...known, fn: known.fn };
    const { prefix, numbers } = await this.#read(space, call);
    const [fn] = [...numbers].find(([, number]) => number === known.fnIndex) ?? [];
    return fn === undefined ? undefined : { prefix, ...known, fn };
  }

  #read(space: string, call: Call): Promise<SpaceInfo> {
    return this.#infos.get(space, call.now(), async () => {
      const { api_prefix, dependencies } = await call.get(`${space}/config`, json(ConfigReply), AT_SPACE);
      const prefix = api_prefix ?? "";
      const info = await call.get(`${space}${prefix}/info`, json(InfoReply), AT_SPACE);
      const numbers = (dependencies ?? []).flatMap(({ id, api_name }, index) =>
        typeof api_name === "string" ? [[api_name, id ?? index] as const] : []
      );
      const functions = Object.entries(info.named_endpoints).map(([path, { parameters, returns }]) => ({
        name: path.replace(/^\//, ""),
        parameters: parameters.map(toParameter),
        givesImage: returns.some(({ component }) => /^(Image|Gallery)/.test(component ?? "")),
      }));
      return { prefix, numbers: new Map(numbers), functions };
    });
  }
}

/** What arguments are about. */
type Role = "negative" | "prompt" | "randomize" | "seed" | "steps" | "guidance" | "width" | "height";

/** How authors of Spaces call them; the first that matches wins. */
const ROLES: readonly [Role, RegExp][] = [
  ["negative", /negative/],
  ["prompt", /^((positive|text|input|edit)_)?prompt(_text|_input)?$|^text$|^instructions?$/],
  ["randomize", /random/],
  ["seed", /^seed|_seed$/],
  ["steps", /steps/],
  ["guidance", /guidance|^cfg/],
  ["width", /^(image_|output_)?width$/],
  ["height", /^(image_|output_)?height$/],
];

function roleOf(name: string): Role | undefined {
  return ROLES.find(([, words]) => words.test(name.toLowerCase()))?.[0];
}

function isPicture({ component }: Parameter): boolean {
  return /^(Image|ImageEditor|Gallery)$/.test(component ?? "");
}

/** A file that was uploaded, as Gradio wants it named: `meta` is what it knows it by. */
export interface FileData {
  path: string;
  orig_name: string;
  mime_type: string;
  meta: { _type: "gradio.FileData" };
}

/**
 * Puts a request into the arguments of a function. Arguments that nobody has a word for keep their defaults, and
 * `providerParams` have the last word, by name.
 * @param note hears of wishes that the function has no argument for.
 * @throws Failed where an argument that must be there can't be filled, or there are too many images
 */
export function fillArguments(
  { parameters }: Pick<Signature, "parameters">,
  request: ImageRequest,
  files: readonly FileData[],
  note: (text: string) => void,
): unknown[] {
  const { prompt, size, seed, steps, guidance, negativePrompt, providerParams } = request;
  const said: Record<Role, unknown> = {
    prompt,
    negative: negativePrompt,
    seed,
    // A seed counts only where chance is switched off.
    randomize: seed === undefined,
    steps,
    guidance,
    width: size?.width,
    height: size?.height,
  };
  const pictures = [...files];
  const filled = parameters.map((parameter) => {
    const { name } = parameter;
    if (Object.hasOwn(providerParams, name)) return providerParams[name];
    if (isPicture(parameter)) return takePictures(parameter, pictures);
    const role = roleOf(name);
    const value = (role && said[role]) ?? parameter.default;
    if (value !== undefined || "default" in parameter && role === undefined) return value ?? null;
    if (role === "seed") return 0;
    throw new Failed({
      kind: "model_not_found",
      message: `the Space wants to be told "${name}": give it in provider_params`,
    });
  });
  if (pictures.length > 0) {
    throw new Failed({
      kind: "invalid_request",
      param: "image",
      message: `The Space takes ${files.length - pictures.length} input image(s), and got ${files.length}`,
    });
  }
  const roles = new Set(parameters.map(({ name }) => roleOf(name)));
  for (const [role, spelling] of Object.entries(SPELLING) as [Role, string][]) {
    if (said[role] !== undefined && !roles.has(role)) note(`${spelling}: not offered by the Space, left out`);
  }
  return filled;
}

/** Wishes that are told where a Space has no argument for them. */
const SPELLING: Partial<Record<Role, string>> = {
  width: "size",
  seed: "seed",
  steps: "steps",
  guidance: "guidance_scale",
  negative: "negative_prompt",
};

/** Takes what an argument can hold from `pictures`. */
function takePictures({ component }: Parameter, pictures: FileData[]): unknown {
  if (component === "Gallery") return pictures.splice(0).map((image) => ({ image, caption: null }));
  const background = pictures.shift() ?? null;
  return component === "ImageEditor" && background ? { background, layers: [], composite: null } : background;
}

function toParameter(told: z.infer<typeof ParameterReply>): Parameter {
  const { parameter_name, label, component, parameter_has_default, parameter_default } = told;
  return {
    name: parameter_name ?? label?.toLowerCase().replace(/\W+/g, "_") ?? "",
    component: component ?? undefined,
    ...parameter_has_default && { default: parameter_default ?? null },
  };
}

const ConfigReply = z.object({
  api_prefix: z.string().nullish(),
  dependencies: z.array(z.object({
    id: z.int().optional(),
    api_name: z.union([z.string(), z.literal(false)]).nullish(),
  })).nullish(),
});

const ParameterReply = z.object({
  parameter_name: z.string().nullish(),
  label: z.string().nullish(),
  component: z.string().nullish(),
  parameter_has_default: z.boolean().nullish(),
  parameter_default: z.unknown(),
});

const InfoReply = z.object({
  named_endpoints: z.record(
    z.string(),
    z.object({
      parameters: z.array(ParameterReply).default([]),
      returns: z.array(z.object({ component: z.string().nullish() })).default([]),
    }),
  ),
});
