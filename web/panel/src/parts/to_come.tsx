/** A page that is still to be written, and says so. */
import { Construction } from "lucide-preact";
import { type Page, PAGES } from "../routes.ts";
import { shellTexts } from "../texts.ts";
import { LinkButton } from "./button.tsx";
import { PageHeader } from "./page.tsx";
import { EmptyState } from "./states.tsx";

export function ToCome({ page }: { page: Page["name"] }) {
  const t = shellTexts();
  return (
    <>
      <PageHeader title={t.pages[page]} />
      <EmptyState
        icon={PAGES.find(({ name }) => name === page)?.icon ?? Construction}
        title={t.toCome}
        action={<LinkButton href="/docs">{t.apiDocs}</LinkButton>}
      />
    </>
  );
}
