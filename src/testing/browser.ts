/** A real browser for tests of the panel: Debian's Chromium, and what went wrong in it. */
import axeCore, { type AxeResults } from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Where Chromium is, unless `CHROMIUM` says otherwise. */
const CHROMIUM = "/usr/bin/chromium";

/** How a page is opened. */
export interface PageOptions {
  /** In px; 1440 × 900 unless told. */
  width?: number;
  height?: number;
  language?: "en" | "zh-CN";
  theme?: "light" | "dark";
  /** The only origin that may be asked for anything. */
  origin: string;
}

/** A page, and what it did that it shouldn't. */
export interface WatchedPage extends AsyncDisposable {
  page: Page;
  /** Errors and warnings of its console, errors that nobody caught, and requests to other origins. */
  complaints: string[];
}

/** A browser of one test. */
export interface TestBrowser extends AsyncDisposable {
  /** Opens a page with storage and cookies of its own. */
  open(options: PageOptions): Promise<WatchedPage>;
}

/** Starts the browser. */
export async function openBrowser(): Promise<TestBrowser> {
  const browser: Browser = await chromium.launch({
    executablePath: Deno.env.get("CHROMIUM") ?? CHROMIUM,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  return {
    open: async (options) => {
      const context = await browser.newContext(contextOf(options));
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type()) && !isAnswer(message.text())) {
          complaints.push(`console: ${message.text()}`);
        }
      });
      page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
      page.on("request", (request) => {
        const { origin, protocol } = new URL(request.url());
        if (/^https?:$/.test(protocol) && origin !== options.origin) {
          complaints.push(`foreign request: ${request.url()}`);
        }
      });
      return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

function contextOf({ width = 1440, height = 900, language = "en", theme = "light" }: PageOptions) {
  const isPhone = width < 600;
  return {
    viewport: { width, height },
    locale: language,
    colorScheme: theme,
    reducedMotion: "reduce",
    hasTouch: isPhone,
  } satisfies BrowserContextOptions;
}

/** Chromium writes a line for each answer above 399, also where the panel expects it: a wrong password, no network. */
function isAnswer(text: string): boolean {
  return /^Failed to load resource: the server responded with a status of (4\d\d|502)/.test(text);
}

/** What axe finds that is serious or critical, as one line each. @param rules the only ones that are looked at */
export async function axe(page: Page, rules?: readonly string[]): Promise<string[]> {
  // By the debugger, which the policy of the page does not hold for: the test need not lift it.
  await page.evaluate(axeCore.source);
  const { violations } = await page.evaluate<AxeResults>(
    `axe.run(document, ${JSON.stringify({ resultTypes: ["violations"], runOnly: rules })})`,
  );
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, help, nodes }) => nodes.map(({ html }) => `${id}: ${help}: ${html.slice(0, 200)}`));
}
