/** Keys as they arrive, and who is behind them: a holder of a gateway key, or one who brought a provider's. */
import { Failed } from "../core/failure.ts";
import type { Provider } from "../core/provider.ts";
import type { Caller, Client } from "../gateway/caller.ts";
import { HttpFault } from "./errors.ts";

/** What auth depends on. */
export interface AuthOptions {
  /** The client of a gateway key; found by hash, so that no comparison tells anything by its time. */
  findClient: (key: string) => Promise<{ client: Client; refusal?: string } | undefined>;
  modes: () => { relay: boolean; backend: boolean; anonymous: boolean };
  findProvider: (name: string) => Provider | undefined;
  recogniseKey: (key: string) => Provider | undefined;
  isEnabled: (provider: Provider) => boolean;
}

/** Who sent a request, before its body was read. */
export type Identity = { client: Client } | { providerKey: string };

/** What in a request may settle the provider of a key. */
export interface Hints {
  /** `X-Provider` or `provider` in the body. */
  provider?: string;
  model: string;
}

/** The key of a request, from any of the three headers; words that clients send for "none" are none. */
export function readKey(headers: Headers): string | undefined {
  const authorization = headers.get("authorization")?.trim() ?? "";
  const candidates = [
    // A proxy's own login may stand where the key would.
    /^(basic|digest)\s/i.test(authorization) ? undefined : authorization.replace(/^bearer\b/i, ""),
    headers.get("x-api-key"),
    headers.get("api-key"),
  ];
  return candidates.map((key) => key?.trim()).find((key) => key && !/^(null|undefined)$/i.test(key));
}

/**
 * Tells who a request is from. Whoever holds a gateway key is a client, whatever the key looks like.
 * @throws HttpFault 401 or 403
 */
export async function identify(headers: Headers, options: AuthOptions): Promise<Identity> {
  const key = readKey(headers);
  const { relay, backend, anonymous } = options.modes();
  if (key === undefined) {
    if (backend && anonymous) return { client: ANONYMOUS };
    throw unauthorized(
      "No key was sent. Send one as 'Authorization: Bearer KEY': a key of this gateway or of a provider",
    );
  }
  const found = await options.findClient(key);
  if (found) {
    if (found.refusal) throw unauthorized(found.refusal);
    if (!backend) {
      throw forbidden("Backend mode is off: this gateway takes only keys of providers", "backend_mode_off");
    }
    return { client: found.client };
  }
  if (!relay && (options.recogniseKey(key) || prefixOf(key, options))) {
    throw forbidden("Relay mode is off: this gateway takes only its own keys", "relay_mode_off");
  }
  if (!relay) throw unauthorized(WRONG_KEY);
  return { providerKey: key };
}

/**
 * Settles who a request is from once its body is known.
 * In relay mode a provider named in header, body or before the key wins; then one before the model's name;
 * then the key's shape.
 * @throws HttpFault 401 where nothing tells the provider. @throws Failed where it is unknown or switched off
 */
export function callerOf(identity: Identity, hints: Hints, options: AuthOptions): Caller {
  if ("client" in identity) return { mode: "backend", client: identity.client };
  const { providerKey } = identity;
  const prefix = prefixOf(providerKey, options);
  const key = prefix ? providerKey.slice(providerKey.indexOf(":") + 1) : providerKey;
  const provider = named(hints.provider, options) ?? prefix ?? byModelOrShape(key, hints.model, options);
  if (!provider) throw unauthorized(WRONG_KEY);
  if (!options.isEnabled(provider)) {
    throw invalid("provider", `The provider ${provider.name} is switched off`);
  }
  return { mode: "relay", provider, key };
}

const ANONYMOUS: Client = { name: "anonymous", models: [], providers: [] };
const WRONG_KEY = "This key is neither one of this gateway's nor does it look like any provider's; " +
  "name the provider in an 'X-Provider' header if it is one";

function named(name: string | undefined, { findProvider }: AuthOptions): Provider | undefined {
  if (name === undefined) return undefined;
  return findProvider(name) ?? raise(invalid("provider", `There is no provider "${name.slice(0, 64)}"`));
}

/** `gitee:KEY`; keys of some providers hold colons of their own, so only a provider's name counts. */
function prefixOf(key: string, { findProvider }: AuthOptions): Provider | undefined {
  const colon = key.indexOf(":");
  return colon > 0 && colon < key.length - 1 ? findProvider(key.slice(0, colon)) : undefined;
}

function byModelOrShape(key: string, model: string, options: AuthOptions): Provider | undefined {
  const byShape = options.recogniseKey(key);
  const slash = model.indexOf("/");
  // Services that take any model id have names with slashes of their own, such as `openai/gpt-image-2`.
  const byModel = slash > 0 && byShape?.unlisted?.like !== "*"
    ? options.findProvider(model.slice(0, slash))
    : undefined;
  return byModel ?? byShape;
}

function unauthorized(message: string): HttpFault {
  return new HttpFault(401, { message, code: "invalid_api_key" }, { "www-authenticate": "Bearer" });
}

function forbidden(message: string, code: string): HttpFault {
  return new HttpFault(403, { message, code });
}

function invalid(param: string, message: string): Failed {
  return new Failed({ kind: "invalid_request", param, message });
}

function raise(error: Error): never {
  throw error;
}
