/**
 * What the scripted upstream shall answer, told in the model's name: that passes every proxy and every
 * gateway unchanged, in JSON and in forms, and costs nobody a header.
 */

/** One reply of the upstream. */
export interface Ask {
  /** Whether the image comes in the reply, or as an address of it. */
  form: "b64" | "url";
  /** Length of the reply with the image in it, in bytes; with `url` the file is as large as that image. */
  bytes: number;
  /** How long the upstream waits before it answers, in ms. */
  delayMs: number;
}

// OpenAI's provider takes any model that is called so.
const PREFIX = "gpt-image-bench";
const NAME = new RegExp(`${PREFIX}-(b64|url)-(\\d+)-(\\d+)`);

/** The model to ask for. */
export function modelFor({ form, bytes, delayMs }: Ask): string {
  return `${PREFIX}-${form}-${bytes}-${delayMs}`;
}

/** What the beginning of a request's body asks for, or nothing where no model of ours is in it. */
export function readAsk(text: string): Ask | undefined {
  const found = NAME.exec(text);
  if (!found) return undefined;
  return { form: found[1] as Ask["form"], bytes: Number(found[2]), delayMs: Number(found[3]) };
}
