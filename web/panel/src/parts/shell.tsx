/** The frame around every page: top bar, navigation, the state of the connection, and what floats above. */
import { useSignal } from "@preact/signals";
import { LogOut, Menu as MenuIcon, WifiOff } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useLocation } from "preact-iso";
import { useEffect } from "preact/hooks";
import { connection } from "../connection.ts";
import logo from "../logo.svg";
import { type Page, PAGES } from "../routes.ts";
import { logOut } from "../session.ts";
import { shellTexts } from "../texts.ts";
import { IconButton } from "./button.tsx";
import { ConfirmDialog, Dialog } from "./dialog.tsx";
import { LooksMenu } from "./looks_menu.tsx";
import { tell, Toasts } from "./toasts.tsx";

/** The frame of somebody who is logged in. */
export function Shell({ children }: { children: ComponentChildren }) {
  const t = shellTexts();
  const { path } = useLocation();
  const isMenuOpen = useSignal(false);
  useEffect(() => void (isMenuOpen.value = false), [path]);
  return (
    <div class="shell">
      <a class="skip" href="#content">{t.skip}</a>
      <header class="top">
        <Brand />
        <LooksMenu />
        <IconButton icon={LogOut} label={t.logOut} onClick={() => tell(logOut)} />
      </header>
      <nav class="side" aria-label={t.navigation}>
        <Navigation path={path} />
      </nav>
      <main class="main" id="content" tabIndex={-1}>
        <ConnectionBanner />
        {children}
      </main>
      <nav class="bottom" aria-label={t.menu}>
        {PAGES.filter(({ isNear }) => isNear).map((page) => (
          <NavLink key={page.path} page={page} path={path} bare />
        ))}
        <button type="button" aria-haspopup="dialog" onClick={() => isMenuOpen.value = true}>
          <MenuIcon size={19} aria-hidden="true" />
          <span>{t.menu}</span>
        </button>
      </nav>
      <Dialog open={isMenuOpen.value} title={t.menu} size="drawer" onClose={() => isMenuOpen.value = false}>
        <nav aria-label={t.navigation} onClick={() => isMenuOpen.value = false}>
          <Navigation path={path} />
        </nav>
      </Dialog>
      <Floating />
    </div>
  );
}

/** The frame of a page for somebody who is not logged in. */
export function BareShell({ children }: { children: ComponentChildren }) {
  return (
    <div class="alone">
      <header class="top">
        <Brand />
        <LooksMenu />
      </header>
      <main id="content">
        <ConnectionBanner />
        <div class="card stack">{children}</div>
      </main>
      <Floating />
    </div>
  );
}

function Brand() {
  return (
    <a class="brand" href="/admin">
      <img src={logo} alt="" width="28" height="28" />
      ImgRouter
    </a>
  );
}

function Floating() {
  return (
    <>
      <ConfirmDialog />
      <Toasts />
    </>
  );
}

function ConnectionBanner() {
  return (
    <div role="status">
      {connection.value === "lost" && (
        <div class="banner">
          <WifiOff size={17} aria-hidden="true" />
          {shellTexts().lost}
        </div>
      )}
    </div>
  );
}

function Navigation({ path }: { path: string }) {
  const { groups } = shellTexts();
  return (
    <>
      {(Object.keys(groups) as (keyof typeof groups)[]).map((group) => (
        <div key={group} class="nav-group">
          <h2>{groups[group]}</h2>
          <ul>
            {PAGES.filter((page) => page.group === group).map((page) => (
              <li key={page.path}>
                <NavLink page={page} path={path} />
              </li>
            ))}
          </ul>
        </div>
      ))}
    </>
  );
}

function NavLink(
  { page: { path: to, name, icon: Icon }, path, bare }: { page: Page; path: string; bare?: boolean },
) {
  const label = shellTexts().pages[name];
  return (
    <a
      href={to}
      class={bare ? undefined : "nav-link"}
      title={label}
      aria-current={to === path ? "page" : undefined}
    >
      <Icon size={19} strokeWidth={1.75} aria-hidden="true" />
      <span>{label}</span>
    </a>
  );
}
