/** `/docs/providers`: what each provider and model can do, made from the registry, so that it can't go stale. */
import { html } from "hono/html";
import { spellingOf } from "../core/fit.ts";
import type { Model, Prices, Provider } from "../core/provider.ts";
import { TASKS } from "../core/request.ts";
import type { SizeRule } from "../core/size.ts";
import type { EdgeApp } from "./documented.ts";
import type { Edge } from "./edge.ts";

/** Adds the page. */
export function addProviderTable(app: EdgeApp, edge: Edge): void {
  app.get("/docs/providers", (c) => {
    const catalogue = edge.catalogue();
    const sections = catalogue.providers.map((provider) => section(provider, catalogue.modelsOf(provider)));
    c.header(
      "content-security-policy",
      "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'",
    );
    return c.html(html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>ImgRouter: providers</title>
    <link rel="icon" href="favicon-32x32.png">
    <link rel="stylesheet" href="providers.css">
  </head>
  <body>
    <main>
      <h1>Providers and models</h1>
      <p>
        A parameter that a model does not obey is mapped to the nearest it can, or left out, and told in the header
        <code>x-imgrouter-notes</code>. <a href="../docs">The API</a> lists all parameters.
      </p>
      <nav>${
      catalogue.providers.map(({ name }) =>
        html`
          <a href="#${name}">${name}</a>
        `
      )
    }</nav>
      ${sections}
    </main>
  </body>
</html>`);
  });
}

function section(provider: Provider, models: readonly Model[]) {
  const { name, keys, baseUrl, unlisted } = provider;
  return html`<section id="${name}">
  <h2>${name}</h2>
  <p>
    Keys look like <code>${keys.sample}</code>.
    ${baseUrl === undefined ? "Its address has to be configured." : ""}
    ${unlisted ? "Takes ids that are not listed here." : ""}
  </p>
  ${
    models.length === 0 ? "" : html`
      <div class="wide">
        <table>
          <thead>
            <tr><th>Model</th>${TASKS.map((task) =>
              html`<th>${task}</th>`
            )}<th>Mask</th><th>Inputs</th><th>Images a call</th><th>Previews</th><th>Sizes</th><th>Parameters</th><th>US-dollars</th></tr>
          </thead>
          <tbody>${models.map(row)}</tbody>
        </table>
      </div>
    `
  }
</section>`;
}

function row(model: Model) {
  const {
    id,
    tasks,
    mask,
    maxInputs = 1,
    maxImages = 1,
    maxPartials = 0,
    sizes,
    wishes = [],
    prices,
    retires,
  } = model;
  const takesImages = tasks.some((task) => task !== "generate");
  return html`<tr>
  <th scope="row"><code>${id}</code>${retires ? html`<br><small>until ${retires}</small>` : ""}</th>
  ${TASKS.map((task) => html`<td>${tasks.includes(task) ? "yes" : ""}</td>`)}
  <td>${mask ? "yes" : ""}</td>
  <td>${takesImages ? maxInputs : ""}</td>
  <td>${maxImages}</td>
  <td>${maxPartials || ""}</td>
  <td>${describeSizes(sizes)}</td>
  <td>${
    wishes.filter((wish) => wish !== "user").map((wish, index) =>
      html`${index > 0 ? ", " : ""}<code>${spellingOf(wish)}</code>`
    )
  }</td>
  <td>${describePrices(prices)}</td>
</tr>`;
}

function describeSizes(rule: SizeRule | undefined) {
  if (!rule) return "any";
  if (rule.kind === "fixed") return "its own";
  if (rule.kind === "listed") return folded(rule.sizes, "sizes");
  if (rule.kind === "ratios") return rule.ratios.join(", ");
  const { multipleOf, edge, pixels, maxRatio } = rule;
  return [
    edge && `${edge[0]}–${edge[1]} px a side`,
    multipleOf && `multiples of ${multipleOf}`,
    pixels && `${pixels.map((count) => (count / 1e6).toFixed(1)).join("–")} megapixels`,
    maxRatio && `up to ${maxRatio}:1`,
  ].filter(Boolean).join("; ") || "any";
}

/** A long list would push everything else off the screen. */
function folded(items: readonly string[], what: string) {
  const all = items.join(", ");
  return items.length <= 6 ? all : html`<details><summary>${items.length} ${what}</summary>${all}</details>`;
}

function describePrices(prices: Prices | undefined): string {
  if (!prices) return "unknown";
  const { images = [], megapixel, tokens } = prices;
  const usd = images.map((price) => price.usd);
  const least = Math.min(...usd);
  const most = Math.max(...usd);
  if (usd.length > 0) return least === most ? `${least} an image` : `${least}–${most} an image`;
  if (megapixel !== undefined) return `${megapixel} a megapixel`;
  return tokens ? `${tokens.imageOut} a million tokens out` : "unknown";
}
