/** What somebody sees who has just begun: three steps. */
import { ArrowRight, CircleCheck, KeyRound, Paintbrush, Users, X } from "lucide-preact";
import { IconButton, LinkButton } from "../../parts/button.tsx";
import { CopyButton } from "../../parts/copy_button.tsx";
import { Card } from "../../parts/page.tsx";
import { Badge } from "../../parts/signs.tsx";
import { texts } from "./texts.ts";

const STEPS = [
  { id: "picture", icon: Paintbrush, href: "/playground" },
  { id: "keys", icon: KeyRound, href: "/keys" },
  { id: "client", icon: Users, href: "/clients" },
] as const;

export function Start(
  { steps, onHide }: { steps: Record<typeof STEPS[number]["id"], boolean>; onHide: () => void },
) {
  const t = texts().start;
  const base = `${location.origin}/v1`;
  const next = STEPS.find(({ id }) => !steps[id])?.id;
  return (
    <Card title={t.title} actions={<IconButton icon={X} label={t.hide} onClick={onHide} />}>
      <div class="stack">
        <p class="soft">{t.lead}</p>
        <ol class="grid">
          {STEPS.map(({ id, icon: Icon, href }) => (
            <li key={id} class="dash-step" data-done={steps[id] || undefined}>
              <Icon size={24} strokeWidth={1.6} aria-hidden="true" />
              <h3>{t[id]}</h3>
              <p class="soft">{t[`${id}Hint`]}</p>
              <div class="row">
                <LinkButton kind={id === next ? "primary" : "plain"} icon={ArrowRight} href={href}>
                  {t[`${id}Go`]}
                </LinkButton>
                {steps[id] && <Badge tone="good" icon={CircleCheck}>{t.done}</Badge>}
              </div>
            </li>
          ))}
        </ol>
        <div class="row">
          <span class="soft">{t.base}</span>
          <code class="dash-base">{base}</code>
          <CopyButton small text={base} />
        </div>
      </div>
    </Card>
  );
}
