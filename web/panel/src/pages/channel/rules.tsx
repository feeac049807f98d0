/** How the order is decided, and what happens when something fails. */
import { NumberField, SelectField } from "../../parts/field.tsx";
import { Form } from "../../parts/form.tsx";
import { Card } from "../../parts/page.tsx";
import { Loaded } from "../../parts/states.tsx";
import { api, call } from "../../api.ts";
import { useResource } from "../../resource.ts";
import { saveSettings } from "./channels.ts";
import { type Shown, useSettingsForm } from "./stale.tsx";
import { texts } from "./texts.ts";

const STRATEGIES = ["cascade", "weighted", "latency", "cost", "quality"] as const;
const UNKNOWN = ["fallback", "error"] as const;

interface Routing {
  strategy: typeof STRATEGIES[number];
  unknownModel: typeof UNKNOWN[number];
  maxRetries?: number;
  retryDelay?: number;
}

export function Rules() {
  const found = useResource(readRules, { on: ["settings"] });
  return <Loaded from={found}>{(rules) => <RulesForm {...rules} onSaved={found.reload} />}</Loaded>;
}

async function readRules(signal?: AbortSignal): Promise<Shown<{ routing: Routing }>> {
  const reply = await api["runtime-config"].$get({}, { init: { signal } });
  const { routing } = await call(reply);
  const { strategy, unknownModel, maxRetries, retryDelay } = routing as unknown as Routing;
  return {
    revision: reply.headers.get("etag") ?? "",
    values: { routing: { strategy, unknownModel, maxRetries, retryDelay } },
  };
}

function RulesForm({ revision, values, onSaved }: Shown<{ routing: Routing }> & { onSaved: () => void }) {
  const t = texts();
  const form = useSettingsForm({
    shown: { revision, values },
    reread: readRules,
    save: ({ routing }, before, revision) => {
      const changes = Object.entries(routing)
        .filter(([name, value]) => value !== before.routing[name as keyof Routing])
        .map(([name, value]) => [name, value ?? null]);
      return saveSettings({ routing: Object.fromEntries(changes) }, revision);
    },
    onSaved,
  });
  const { strategy, unknownModel } = form.values.value.routing;
  return (
    <Form form={form} bar>
      <Card title={t.tabs.rules}>
        <div class="channel-limits">
          <SelectField
            label={t.strategy}
            hint={t.strategies[strategy]}
            options={STRATEGIES.map((value) => ({ value, label: t.strategyNames[value] }))}
            {...form.field("routing.strategy")}
          />
          <SelectField
            label={t.unknownModel}
            hint={t.unknownHint[unknownModel]}
            options={UNKNOWN.map((value) => ({ value, label: t.unknownNames[value] }))}
            {...form.field("routing.unknownModel")}
          />
          <NumberField
            label={t.maxRetries}
            hint={t.maxRetriesHint}
            min={0}
            step={1}
            {...form.field("routing.maxRetries")}
          />
          <NumberField
            label={t.retryDelay}
            hint={t.retryDelayHint}
            unit="ms"
            min={0}
            step={1}
            {...form.field("routing.retryDelay")}
          />
        </div>
      </Card>
    </Form>
  );
}
