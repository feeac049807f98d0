/** For addresses that the panel does not know. */
import { Compass } from "lucide-preact";
import { LinkButton } from "../../parts/button.tsx";
import { PageHeader } from "../../parts/page.tsx";
import { EmptyState } from "../../parts/states.tsx";
import { texts } from "./texts.ts";

export function NotFoundPage() {
  const t = texts();
  return (
    <>
      <PageHeader title={t.title} />
      <EmptyState icon={Compass} title={t.lead} action={<LinkButton href="/admin">{t.home}</LinkButton>} />
    </>
  );
}
