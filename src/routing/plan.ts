/** A request becomes a plan: who is asked, in which order, and with what. */
import type { Dice } from "../core/clock.ts";
import { Failed } from "../core/failure.ts";
import { fit } from "../core/fit.ts";
import { priceOf } from "../core/price.ts";
import { canDo, type Operation, operationOf, type Provider } from "../core/provider.ts";
import type { ImageRequest, Task } from "../core/request.ts";
import { parseRatio, parseSize } from "../core/size.ts";
import { type Catalogue, type Route, routeName, successorOf } from "./catalogue.ts";
import { STRATEGIES, type StrategyName } from "./strategies.ts";

/** A route bound to what it has to do. */
export interface Step {
  route: Route;
  /** `OpenAI/gpt-image-2` */
  name: string;
  operation: Operation;
  /** The request as this model accepts it. */
  request: ImageRequest;
  /** What was changed to get there. */
  notes: string[];
}

/** What a holder of a gateway key is limited to; empty lists = everything. */
export interface Allowed {
  models: readonly string[];
  providers: readonly string[];
}

/** What planning depends on. */
export interface PlanOptions {
  catalogue: Catalogue;
  findProvider: (name: string) => Provider | undefined;
  /** Whether the gateway can call a provider for a model: a key is there, or none is needed. */
  isUsable: (provider: Provider, model: string) => boolean;
  /** Whether a provider would be called without a key because none is set up. Default: never. */
  isAnonymous?: (provider: Provider) => boolean;
  strategy: StrategyName;
  unknownModel: "fallback" | "error";
  dice: Dice;
  latencyOf: (route: string) => number | undefined;
  allowed?: Allowed;
  /** Hears of each route that was thought of and left out, and why. */
  onLeftOut?: (route: Route, reason: string) => void;
}

/**
 * Plans for a caller with a gateway key. Gives at least one step.
 * @throws Failed where no route can do it, saying whether model, ability or key is missing
 */
export function plan(request: ImageRequest, options: PlanOptions): Step[] {
  const { catalogue, allowed, dice, latencyOf } = options;
  const { routes, chosenByName, note } = resolve(request, options);
  const keep = sieve(options.onLeftOut);
  const permitted = keep(
    routes,
    (route) => isAllowed(route, allowed) ? undefined : "the client may not use it",
  );
  if (routes.length > 0 && permitted.length === 0) throw notAllowed(request);
  const able = keep(permitted, (route) => inability(route, request)?.reason);
  if (able.length === 0 && permitted.length > 0) throw unable(permitted, request, catalogue);
  const withKeys = keep(
    able,
    (route) => options.isUsable(route.provider, route.model.id) ? undefined : "no key is set up for it",
  );
  const preferred = preferKeys(withKeys, chosenByName, options);
  const usable = keep(
    withKeys,
    (route) => preferred.includes(route) ? undefined : "without a key it is only asked by name",
  );
  if (usable.length === 0) throw noKey(able);
  const willing = keep(
    usable,
    (route) => chosenByName || route.weight > 0 ? undefined : "its weight is 0: it is only asked by name",
  );
  if (willing.length === 0) throw noKey(able.filter((route) => route.weight > 0));
  const steps = new Map(willing.map((route) => [route, bind(route, request, note)]));
  const situation = {
    request,
    dice,
    latencyOf: (route: Route) => latencyOf(routeName(route)),
    priceOf: (route: Route) => priceOf(route.model, { count: 1, request: steps.get(route)!.request }),
  };
  return STRATEGIES[options.strategy](willing, situation).map((route) => steps.get(route)!);
}

/**
 * Plans for a caller who brought `provider`'s key: one step, there and nowhere else.
 * @throws Failed as `plan()` does
 */
export function planRelay(request: ImageRequest, provider: Provider, options: PlanOptions): Step[] {
  const { catalogue, unknownModel } = options;
  const id = withoutProvider(request.model, options.findProvider, provider);
  const named = isAuto(id)
    ? undefined
    : catalogue.named(id, request.task).find((route) => route.provider === provider) ??
      catalogue.route(provider, id, request.task);
  if (!named && !isAuto(id) && unknownModel === "error") throw unknown(request.model);
  const route = named ?? catalogue.defaultRoute(provider, request.task);
  if (!route) throw noDefault(provider, request, catalogue);
  if (inability(route, request)) throw unable([route], request, catalogue);
  const note = named || isAuto(id) ? successorNote(provider, id, route) : unknownNote(id);
  return [bind(route, request, note)];
}

/** The image count that holds for a request: what the caller sent, else what was configured for the first route. */
export function countFor(asked: number | undefined, steps: readonly Step[]): number {
  return asked ?? Math.min(10, Math.max(1, steps[0]?.route.settings.n ?? 1));
}

function resolve(
  request: ImageRequest,
  options: PlanOptions,
): { routes: Route[]; chosenByName: boolean; note?: string } {
  const { catalogue, findProvider, unknownModel } = options;
  const { task, model } = request;
  const known = isAuto(model) ? [] : catalogue.listed(model, task);
  const only = request.provider !== undefined ? wantedProvider(request.provider, options) : undefined;
  if (known.length > 0 && !only) return { routes: known, chosenByName: true };
  const slash = model.indexOf("/");
  const prefix = !only && slash > 0 ? findProvider(model.slice(0, slash)) : undefined;
  const provider = only ?? (prefix && wantedProvider(prefix.name, options));
  if (provider) {
    const id = withoutProvider(model, findProvider, provider);
    const aliased = known.filter((route) => route.provider === provider);
    if (aliased.length > 0) return { routes: aliased, chosenByName: true };
    const route = isAuto(id) ? catalogue.defaultRoute(provider, task) : catalogue.route(provider, id, task);
    if (route) return { routes: [route], chosenByName: true, note: successorNote(provider, id, route) };
    if (!isAuto(id) && (prefix || unknownModel === "error")) throw unknown(model);
    const fallback = catalogue.defaultRoute(provider, task);
    if (!fallback) throw noDefault(provider, request, catalogue);
    return {
      routes: [fallback],
      chosenByName: true,
      note: isAuto(id) ? undefined : unknownNote(id),
    };
  }
  if (!isAuto(model)) {
    const letThrough = catalogue.letThrough(model, task).filter((route) =>
      options.isUsable(route.provider, route.model.id)
    );
    if (letThrough.length > 0) return { routes: letThrough, chosenByName: true };
    const successors = catalogue.providers.flatMap((provider) => {
      const successor = successorOf(provider, model);
      return successor && options.isUsable(provider, successor)
        ? catalogue.route(provider, model, task) ?? []
        : [];
    });
    if (successors.length > 0) {
      return {
        routes: successors,
        chosenByName: true,
        note: successorNote(successors[0]!.provider, model, successors[0]!),
      };
    }
    if (unknownModel === "error") throw unknown(model);
  }
  const routes = catalogue.providers.flatMap((provider) => catalogue.defaultRoute(provider, task) ?? []);
  return { routes, chosenByName: false, note: isAuto(model) ? undefined : unknownNote(model) };
}

/**
 * Services that take callers without a key are the last resort, and not asked by themselves: nobody agreed to
 * send prompts there. Naming a model agrees, and so does an owner who set the model of the task.
 */
function preferKeys(
  routes: readonly Route[],
  chosenByName: boolean,
  { isAnonymous = () => false }: PlanOptions,
): readonly Route[] {
  const agreed = routes.filter((route) => !isAnonymous(route.provider) || route.settings.model !== undefined);
  return agreed.length === 0 && chosenByName ? routes : agreed;
}

/** A filter by reasons against a route, that tells them. */
function sieve(tell: PlanOptions["onLeftOut"]) {
  return (routes: readonly Route[], against: (route: Route) => string | undefined): Route[] =>
    routes.filter((route) => {
      const reason = against(route);
      if (reason !== undefined) tell?.(route, reason);
      return reason === undefined;
    });
}

function bind(route: Route, request: ImageRequest, note?: string): Step {
  const fitted = fit(withDefaults(request, route), route.model);
  return {
    route,
    name: routeName(route),
    operation: operationOf(route.provider, request.task)!,
    request: fitted.request,
    notes: note ? [note, ...fitted.notes] : fitted.notes,
  };
}

/** What the owner set fills what the caller left out, and never overrides what they sent. */
function withDefaults(request: ImageRequest, { settings, model }: Route): ImageRequest {
  const filled = { ...request };
  if (filled.size === undefined && filled.ratio === undefined && settings.size) {
    filled.size = parseSize(settings.size);
    if (!filled.size) filled.ratio = parseRatio(settings.size);
  }
  if (model.wishes?.includes("quality")) filled.quality ??= settings.quality;
  if (model.wishes?.includes("steps")) filled.steps ??= settings.steps;
  return filled;
}

function wantedProvider(name: string, { catalogue, findProvider }: PlanOptions): Provider {
  const provider = findProvider(name);
  if (provider && catalogue.providers.includes(provider)) return provider;
  const names = catalogue.providers.map((provider) => provider.name).join(", ");
  throw new Failed({
    kind: "invalid_request",
    param: "provider",
    message: provider
      ? `The provider ${provider.name} is switched off; enabled are: ${names}`
      : `There is no provider "${name.slice(0, 64)}"; enabled are: ${names}`,
  });
}

/** Why a route can't do what is asked, or nothing if it can. */
function inability(
  { model, provider }: Route,
  request: ImageRequest,
): { param: string; reason: string } | undefined {
  if (!canDo(model, request.task) || !operationOf(provider, request.task)) {
    return { param: "model", reason: `can't ${WORDS[request.task]}` };
  }
  if (request.inputs.length > (model.maxInputs ?? 1)) {
    return {
      param: "image",
      reason: `takes ${model.maxInputs ?? 1} input image(s) at most, and got ${request.inputs.length}`,
    };
  }
  if (request.mask && !model.mask) return { param: "mask", reason: "can't be limited to a mask" };
  return undefined;
}

const WORDS: Record<Task, string> = {
  generate: "make images from words",
  edit: "edit images",
  blend: "join several images",
  variation: "vary an image",
};

function unable(
  routes: readonly Route[],
  request: ImageRequest,
  catalogue: Catalogue,
  provider?: Provider,
): Failed {
  const first = routes[0];
  const { param, reason } = (first && inability(first, request)) ??
    { param: "model", reason: `can't ${WORDS[request.task]}` };
  const others = catalogue.providers
    .filter((candidate) => candidate === (first?.provider ?? provider) || routes.length > 1)
    .flatMap((candidate) => catalogue.modelsOf(candidate).map((model) => ({ provider: candidate, model })))
    .filter(({ provider, model }) =>
      inability({ provider, model, weight: 0, settings: {} }, request) === undefined
    )
    .map(({ model }) => model.id);
  const advice = others.length > 0 ? `; models that can: ${others.slice(0, 8).join(", ")}` : "";
  return new Failed({
    kind: "invalid_request",
    param,
    message: `${first ? first.model.id : provider?.name ?? "This gateway"} ${reason}${advice}`,
  });
}

function noDefault(provider: Provider, request: ImageRequest, catalogue: Catalogue): Failed {
  if (provider.unlisted?.like !== "*") return unable([], request, catalogue, provider);
  return new Failed({
    kind: "invalid_request",
    param: "model",
    message: `${provider.name} has no model of its own: name one in "model"`,
  });
}

function isAllowed({ provider, model }: Route, allowed?: Allowed): boolean {
  return (!allowed?.models.length || allowed.models.includes(model.id)) &&
    (!allowed?.providers.length ||
      allowed.providers.some((name) => name.toLowerCase() === provider.name.toLowerCase()));
}

function notAllowed(request: ImageRequest): Failed {
  return new Failed({
    kind: "not_permitted",
    status: 403,
    code: "model_not_permitted",
    param: "model",
    message: `This key may not use ${
      isAuto(request.model) ? "any provider that could do this" : request.model
    }`,
  });
}

function noKey(routes: readonly Route[]): Failed {
  const names = [...new Set(routes.map((route) => route.provider.name))].join(", ");
  return new Failed({
    kind: "overloaded",
    code: "no_provider",
    message: names
      ? `No key is set up for ${names}: add one in the panel, or as an environment variable`
      : "No provider is set up for this: enable one and add a key in the panel, or as an environment variable",
  });
}

function unknown(model: string): Failed {
  return new Failed({
    kind: "model_not_found",
    code: "model_not_found",
    param: "model",
    message: `The model "${model.slice(0, 128)}" does not exist here; GET /v1/models lists those that do`,
  });
}

function unknownNote(id: string): string {
  return `model: ${id.slice(0, 64)} is not known, chosen as for auto`;
}

function successorNote(provider: Provider, id: string, route: Route): string | undefined {
  return successorOf(provider, id) ? `model: ${id} was retired, ${route.model.id} was used` : undefined;
}

function isAuto(model: string): boolean {
  return model === "" || /^(auto|default)$/i.test(model);
}

/** `gitee/Kolors` → `Kolors` at Gitee; an id that has a slash of its own stays as it is. */
function withoutProvider(model: string, find: PlanOptions["findProvider"], provider: Provider): string {
  const slash = model.indexOf("/");
  return slash > 0 && find(model.slice(0, slash)) === provider ? model.slice(slash + 1) : model;
}
