/** One client: what it used day by day, and what it may. */
import { useSignal } from "@preact/signals";
import { Trash2 } from "lucide-preact";
import { Button } from "../../parts/button.tsx";
import { Chart } from "../../parts/chart.tsx";
import { confirm, Dialog } from "../../parts/dialog.tsx";
import { Form, useForm } from "../../parts/form.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { tell, toast } from "../../parts/toasts.tsx";
import { api, call } from "../../api.ts";
import { formatMoney, formatNumber } from "../../format.ts";
import { useResource } from "../../resource.ts";
import { ClientFields } from "./client_fields.tsx";
import { type Client, draftOf, sentOf } from "./clients.ts";
import { Example } from "./new_client.tsx";
import { texts } from "./texts.ts";

const DAYS = 30;
const WHAT = ["images", "requests", "usd"] as const;

export function ClientDialog({ of: client, onClose, onSaved }: {
  of: Client;
  onClose: () => void;
  onSaved: () => void;
}) {
  const t = texts();
  const { id, name, enabled } = client;
  const tab = useSignal<"use" | "settings" | "example">("use");
  const turn = async () => {
    await tell(
      () => call(api.clients[":id"].$patch({ param: { id }, json: { enabled: !enabled } })),
      enabled ? t.isDisabled(name) : t.isEnabled(name),
    );
    onSaved();
  };
  const remove = async () => {
    const question = {
      title: t.removeAsk(name),
      body: <p>{t.removeLead}</p>,
      action: t.remove,
      danger: true,
    };
    if (!await confirm(question)) return;
    if (await tell(() => api.clients[":id"].$delete({ param: { id } }), t.removed(name))) onClose();
    onSaved();
  };
  return (
    <Dialog
      open
      size="wide"
      title={name}
      onClose={onClose}
      footer={
        <>
          <Button kind="danger" icon={Trash2} onClick={remove}>{t.remove}</Button>
          <Button onClick={turn}>{enabled ? t.disable : t.enable}</Button>
        </>
      }
    >
      <Tabs
        label={name}
        tabs={(["use", "settings", "example"] as const).map((id) => ({ id, label: t.tabs[id] }))}
        selected={tab.value}
        onSelect={(chosen) => tab.value = chosen}
      >
        {tab.value === "use"
          ? <Use of={id} />
          : tab.value === "settings"
          ? <Settings of={client} onSaved={onSaved} />
          : (
            <div class="stack">
              <p class="soft">{t.exampleLead(client.keyPreview)}</p>
              <Example of="YOUR_KEY" />
            </div>
          )}
      </Tabs>
    </Dialog>
  );
}

function Use({ of: id }: { of: string }) {
  const t = texts();
  const what = useSignal<typeof WHAT[number]>("images");
  const found = useResource(
    (signal) =>
      call(
        api.clients[":id"].$get({ param: { id }, query: { days: String(DAYS) } }, { init: { signal } }),
      ),
    { on: ["stats", "clients"] },
  );
  return (
    <Loaded from={found} lines={6}>
      {({ days }) => (
        <div class="stack">
          <div class="row" role="group" aria-label={t.tabs.use}>
            {WHAT.map((id) => (
              <Button
                key={id}
                small
                aria-pressed={what.value === id}
                onClick={() => what.value = id}
              >
                {t.used[id]}
              </Button>
            ))}
            <strong class="number">
              {(what.value === "usd" ? formatMoney : formatNumber)(
                days.reduce((sum, day) => sum + day[what.value], 0),
              )}
            </strong>
            <span class="soft small">{t.inDays(DAYS)}</span>
          </div>
          <Chart
            label={t.usedByDay(t.used[what.value])}
            kind="bars"
            height={180}
            times={days.map(({ day }) => Date.parse(day))}
            series={[{ label: t.used[what.value], values: days.map((day) => day[what.value]) }]}
            format={what.value === "usd" ? formatMoney : formatNumber}
          />
        </div>
      )}
    </Loaded>
  );
}

function Settings({ of: client, onSaved }: { of: Client; onSaved: () => void }) {
  const t = texts();
  const form = useForm({
    initial: draftOf(client),
    check: ({ name }) => ({ name: name.trim() ? undefined : t.nameNeeded }),
    save: async (draft) => {
      const { expiresAt, ...sent } = sentOf(draft);
      // An expiry that has passed stays as it is: only a new one has to lie ahead.
      const isSame = draft.expiresAt === draftOf(client).expiresAt;
      await call(
        api.clients[":id"].$patch({
          param: { id: client.id },
          json: isSame ? sent : { ...sent, expiresAt },
        }),
      );
      toast.good(t.saved);
      onSaved();
    },
  });
  return (
    <Form form={form} bar>
      <ClientFields form={form} />
    </Form>
  );
}
