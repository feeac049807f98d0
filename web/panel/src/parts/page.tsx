/** What pages are made of: a header, cards, figures, facts. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

/** The heading of a page and the title of the window. `children` are the page's buttons. */
export function PageHeader({ title, lead, children }: {
  title: string;
  /** One sentence: what this page is for. */
  lead?: ComponentChildren;
  children?: ComponentChildren;
}) {
  useEffect(() => void (document.title = `${title} · ImgRouter`), [title]);
  return (
    <div class="page-header">
      <div>
        <h1>{title}</h1>
        {lead && <p>{lead}</p>}
      </div>
      {children && <div class="row">{children}</div>}
    </div>
  );
}

/** A box with a heading; `flush` for tables and lists that fill it from edge to edge. */
export function Card({ title, actions, flush, children }: {
  title?: ComponentChildren;
  actions?: ComponentChildren;
  flush?: boolean;
  children: ComponentChildren;
}) {
  return (
    <section class={flush ? "card flush" : "card"}>
      {(title || actions) && (
        <header>
          {title && <h2>{title}</h2>}
          {actions && <div class="row">{actions}</div>}
        </header>
      )}
      {children}
    </section>
  );
}

/** One number that matters: `<Figure label={t.rate}>{formatShare(rate)}</Figure>` */
export function Figure({ label, hint, children }: {
  label: string;
  hint?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <div class="card figure-tile">
      <span class="label">{label}</span>
      <span class="value">{children}</span>
      {hint && <span class="soft small">{hint}</span>}
    </div>
  );
}

/** Names and what they are: `<Facts><Fact name={t.version}>1.2.0</Fact></Facts>` */
export function Facts({ children }: { children: ComponentChildren }) {
  return <dl class="facts">{children}</dl>;
}

/** One line of Facts. */
export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}
