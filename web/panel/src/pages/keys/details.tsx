/** One key: how it fares, what it is called, and for relays where it belongs and what it is for. */
import { useSignal } from "@preact/signals";
import { CircleCheck, Moon, Trash2 } from "lucide-preact";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ListField, SwitchField, TextField } from "../../parts/field.tsx";
import { Form, useForm } from "../../parts/form.tsx";
import { Fact, Facts } from "../../parts/page.tsx";
import { Status, Time } from "../../parts/signs.tsx";
import { Note } from "../../parts/states.tsx";
import { toast } from "../../parts/toasts.tsx";
import { api, call } from "../../api.ts";
import { formatNumber } from "../../format.ts";
import { act, type Key, TONES } from "./keys.ts";
import { texts } from "./texts.ts";

/** Its keys belong to services of many owners, each with models of its own. */
const RELAY = "NewApi";

/** What can be done with the key from here. */
export interface KeyActions {
  check: (ids: string[]) => void;
  rest: (ids: string[], ms: number) => void;
  revive: (ids: string[]) => void;
  /** Gives whether it was removed. */
  remove: (ids: string[]) => Promise<boolean>;
}

const HOUR = 60 * 60_000;

export function KeyDialog({ of: key, actions, onClose, onSaved }: {
  of: Key;
  actions: KeyActions;
  onClose: () => void;
  onSaved: () => void;
}) {
  const t = texts();
  const { id, fixed, state, variable } = key;
  const isIll = state === "resting" || state === "dead" || key.restingModels.length > 0;
  return (
    <Dialog open size="wide" title={t.keyOf(key.name, key.provider)} onClose={onClose}>
      <div class="stack">
        <div class="keys-details">
          <div class="stack">
            <State of={key} />
            <div class="row">
              <Button small icon={CircleCheck} onClick={() => actions.check([id])}>{t.check}</Button>
              {isIll
                ? <Button small onClick={() => actions.revive([id])}>{t.revive}</Button>
                : <Button small icon={Moon} onClick={() => actions.rest([id], HOUR)}>{t.restAnHour}</Button>}
              {!fixed && (
                <Button
                  small
                  kind="danger"
                  icon={Trash2}
                  onClick={async () => {
                    if (await actions.remove([id])) onClose();
                  }}
                >
                  {t.remove}
                </Button>
              )}
            </div>
          </div>
          {fixed
            ? <Note tone="info">{t.givenBy(variable ?? "")}</Note>
            : <Edit of={key} onClose={onClose} onSaved={onSaved} />}
        </div>
      </div>
    </Dialog>
  );
}

function State({ of: key }: { of: Key }) {
  const t = texts();
  return (
    <Facts>
      <Fact name={t.key}>
        <span class="mono">{key.preview}</span>
      </Fact>
      <Fact name={t.state}>
        <Status tone={TONES[key.state]}>{t.states[key.state]}</Status>
      </Fact>
      {key.reason && <Fact name={t.why}>{t.reason(key.reason)}</Fact>}
      {key.since && (
        <Fact name={t.since}>
          <Time at={key.since} exact />
        </Fact>
      )}
      {key.backAt && (
        <Fact name={t.backAt}>
          <Time at={key.backAt} exact />
        </Fact>
      )}
      {key.restingModels.map(({ model, reason, backAt }) => (
        <Fact key={model} name={t.restsFor}>
          <span class="mono">{model}</span>
          <p class="small">
            {t.reason(reason)} · {t.backAt} <Time at={backAt} />
          </p>
        </Fact>
      ))}
      <Fact name={t.calls}>{t.callsTold(formatNumber(key.successes), formatNumber(key.failures))}</Fact>
      <Fact name={t.inFlight}>{formatNumber(key.inFlight)}</Fact>
      <Fact name={t.lastUsed}>
        <Time at={key.lastUsedAt} />
      </Fact>
      {key.lastError && <Fact name={t.lastError}>{key.lastError}</Fact>}
      {key.addedAt && (
        <Fact name={t.addedAt}>
          <Time at={key.addedAt} exact />
        </Fact>
      )}
    </Facts>
  );
}

function Edit({ of: key, onClose, onSaved }: { of: Key; onClose: () => void; onSaved: () => void }) {
  const t = texts();
  const { id, provider, name, baseUrl = "", models, enabled } = key;
  const isReading = useSignal(false);
  const form = useForm({
    initial: { keyItem: { name, baseUrl, models: models as readonly string[], enabled, key: "" } },
    check: ({ keyItem }) => ({ "keyItem.name": keyItem.name.trim() ? undefined : t.nameNeeded }),
    save: async ({ keyItem: { key, ...item } }) => {
      await act({
        action: "update",
        provider,
        id,
        keyItem: { ...item, models: [...item.models], ...key && { key } },
      });
      toast.good(t.saved);
      onSaved();
    },
  });
  const readModels = async () => {
    isReading.value = true;
    try {
      const found = await call(api.tools["fetch-models"].$post({ json: { baseUrl } }));
      form.set("keyItem.models", found.models);
    } catch (error) {
      toast.bad(error);
    }
    isReading.value = false;
  };
  const isRelay = provider === RELAY;
  return (
    <Form form={form} onSaved={onClose}>
      <TextField label={t.name} required maxLength={100} {...form.field("keyItem.name")} />
      <SwitchField label={t.enabled} {...form.field("keyItem.enabled")} />
      <details class="keys-more" open={isRelay || baseUrl !== "" || models.length > 0}>
        <summary>{t.addressAndModels}</summary>
        <div class="stack">
          <TextField
            label={t.baseUrl}
            type="url"
            hint={t.baseUrlHint}
            placeholder="https://relay.example/v1"
            {...form.field("keyItem.baseUrl")}
          />
          <ListField label={t.models} hint={t.modelsHint} {...form.field("keyItem.models")} />
          {isRelay && baseUrl && (
            <div>
              <Button small busy={isReading.value} onClick={readModels}>{t.readModels}</Button>
            </div>
          )}
        </div>
      </details>
      <TextField
        label={t.newSecret}
        type="password"
        autocomplete="new-password"
        hint={t.newSecretHint}
        {...form.field("keyItem.key")}
      />
      <div class="row end">
        <Button onClick={onClose}>{t.cancel}</Button>
        <Button type="submit" kind="primary" busy={form.busy.value} disabled={!form.isDirty.value}>
          {t.save}
        </Button>
      </div>
    </Form>
  );
}
