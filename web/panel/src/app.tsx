/** Who sees what: set-up, login, or the page of the address. */
import { type ReadonlySignal, signal, useSignal } from "@preact/signals";
import { ErrorBoundary, lazy, LocationProvider, Route, Router, useLocation } from "preact-iso";
import { useEffect } from "preact/hooks";
import { Button } from "./parts/button.tsx";
import { BareShell, Shell } from "./parts/shell.tsx";
import { ErrorState, Note } from "./parts/states.tsx";
import { LoginPage } from "./pages/login/page.tsx";
import { NotFoundPage } from "./pages/not_found/page.tsx";
import { PAGES } from "./routes.ts";
import { findSession, session } from "./session.ts";
import { shellTexts } from "./texts.ts";

const SetupPage = lazy(() => import("./pages/setup/page.tsx"));
const ROUTES = PAGES.map(({ path, load }) => ({ path, component: lazy(load) }));
/** Links to other places, such as /docs, are not ours to answer. */
const OURS = new RegExp(`^(${PAGES.map(({ path }) => path).join("|")})(\\?|$)`);

const isLoading = signal(false);
const startFailed = signal<Error | undefined>(undefined);

/** The panel. */
export function App() {
  useEffect(() => void begin(), []);
  return (
    <LocationProvider scope={OURS}>
      <Gate />
    </LocationProvider>
  );
}

function begin(): Promise<void> {
  startFailed.value = undefined;
  return findSession().catch((error) => void (startFailed.value = error));
}

function Gate() {
  const { query } = useLocation();
  if (startFailed.value) {
    return (
      <BareShell>
        <ErrorState error={startFailed.value} retry={begin} />
      </BareShell>
    );
  }
  if (session.value === "unknown") return null;
  if (session.value === "in") return <Pages />;
  return (
    <BareShell>
      {query.setup
        ? (
          <ErrorBoundary>
            <SetupPage token={query.setup} />
          </ErrorBoundary>
        )
        : <LoginPage />}
    </BareShell>
  );
}

function Pages() {
  const failed = useSignal(false);
  return (
    <Shell>
      <Busy when={isLoading} />
      <ErrorBoundary onError={() => failed.value = true}>
        <PageFailed when={failed} />
        <Router
          onLoadStart={() => isLoading.value = true}
          onLoadEnd={() => isLoading.value = false}
          onRouteChange={toTop}
        >
          {ROUTES.map(({ path, component }) => <Route key={path} path={path} component={component} />)}
          <Route default component={NotFoundPage} />
        </Router>
      </ErrorBoundary>
    </Shell>
  );
}

/** As a page load does: to the top, and the focus to where the page begins. */
function toTop(): void {
  scrollTo(0, 0);
  document.getElementById("content")?.focus({ preventScroll: true });
}

function Busy({ when }: { when: ReadonlySignal<boolean> }) {
  return when.value ? <div class="page-busy" aria-hidden="true" /> : null;
}

/** A chunk that is gone: after an update, pages of the old version ask for files that are not there any more. */
function PageFailed({ when }: { when: ReadonlySignal<boolean> }) {
  const t = shellTexts();
  if (!when.value) return null;
  return (
    <Note tone="bad">
      <div class="row apart">
        {t.pageFailed}
        <Button onClick={() => location.reload()}>{t.reload}</Button>
      </div>
    </Note>
  );
}
