/** The channels of one task: their order by drag or by number, and beside it who would be asked. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Card } from "../../parts/page.tsx";
import { SortableList } from "../../parts/sortable_list.tsx";
import { Badge, Status, Time } from "../../parts/signs.tsx";
import { EmptyState } from "../../parts/states.tsx";
import { tell } from "../../parts/toasts.tsx";
import {
  canDo,
  type Channels,
  hasKey,
  type Provider,
  readChannels,
  saveSettings,
  switchProvider,
  type Task,
} from "./channels.ts";
import { Preview } from "./preview.tsx";
import { saveOver } from "./stale.tsx";
import { texts } from "./texts.ts";
import { weightsAfterMove } from "./weights.ts";

export function Order({ task, channels, onSaved }: { task: Task; channels: Channels; onSaved: () => void }) {
  const t = texts();
  const busy = useSignal(false);
  const able = channels.providers.filter((provider) => canDo(provider, task));
  const weightOf = ({ tasks }: Provider) => tasks[task].weight;
  const asked = able.filter((provider) => provider.enabled && weightOf(provider) > 0)
    .sort((a, b) => weightOf(b) - weightOf(a));
  const groups = {
    keyless: asked.filter((provider) => !hasKey(provider)),
    named: able.filter((provider) => provider.enabled && weightOf(provider) === 0),
    off: able.filter(({ enabled }) => !enabled),
  };
  const ready = asked.filter(hasKey);

  /** All at once, so that nobody is asked in an order that lies halfway. */
  const save = async (weights: Record<string, number>) => {
    busy.value = true;
    const members = Object.entries(weights).map(([name, weight]) => [name, { [task]: { weight } }]);
    const weightsOf = ({ revision, providers }: Channels) => ({
      revision,
      values: Object.fromEntries(providers.map((provider) => [provider.name, weightOf(provider)])),
    });
    await tell(() =>
      saveOver({
        shown: weightsOf(channels),
        reread: async () => weightsOf(await readChannels()),
        save: (revision) => saveSettings({ providers: Object.fromEntries(members) }, revision),
        nameOf: (name) => t.weightOf(name),
      }), t.saved);
    busy.value = false;
    onSaved();
  };
  const row = (provider: Provider) => (
    <Channel
      key={provider.name}
      task={task}
      provider={provider}
      onWeight={(weight) => save({ [provider.name]: weight })}
      onSaved={onSaved}
    />
  );
  const group = (title: string, lead: string, members: Provider[]) =>
    members.length > 0 && (
      <Group title={title} lead={lead}>
        <ul class="stack tight channel-group">{members.map((one) => <li key={one.name}>{row(one)}</li>)}</ul>
      </Group>
    );

  return (
    <div class="channel-layout">
      <div aria-busy={busy.value}>
        <Group title={t.order} lead={t.orderLead}>
          {ready.length > 0
            ? (
              <SortableList
                label={t.order}
                items={ready}
                itemKey={({ name }) => name}
                itemLabel={({ name }) => name}
                onOrder={(order, moved) => {
                  const weighed = order.map((one) => ({ name: one.name, weight: weightOf(one) }));
                  void save(weightsAfterMove(weighed, moved.name));
                }}
              >
                {row}
              </SortableList>
            )
            : (
              <EmptyState title={t.nobody} action={<a href="/keys">{t.toKeys}</a>}>
                {t.nobodyLead}
              </EmptyState>
            )}
        </Group>
      </div>
      <Preview task={task} />
      {group(t.keyless, t.keylessLead, groups.keyless)}
      {group(t.named, t.namedLead, groups.named)}
      {group(t.off, t.offLead, groups.off)}
    </div>
  );
}

function Group({ title, lead, children }: { title: string; lead: string; children: ComponentChildren }) {
  return (
    <Card title={title}>
      <div class="stack">
        <p class="soft small">{lead}</p>
        {children}
      </div>
    </Card>
  );
}

function Channel({ task, provider, onWeight, onSaved }: {
  task: Task;
  provider: Provider;
  onWeight: (weight: number) => void;
  onSaved: () => void;
}) {
  const t = texts();
  const { name, enabled, keys, keyless, closed, tasks } = provider;
  const { weight, model, usedModel, modelMap, size, quality, n, steps } = tasks[task];
  const told = [size, quality, n && t.times(n), steps && t.steps(steps)].filter(Boolean).join(" · ");
  const toggle = async (on: boolean) => {
    await tell(() => switchProvider(name, on), on ? t.isOn(name) : t.isOff(name));
    onSaved();
  };
  return (
    <div class="channel-row">
      <div class="channel-name">
        <a href={`/channel?tab=${task}&provider=${name}`}>{name}</a>
        <span class="channel-keys">
          {closed
            ? (
              <Status tone="bad">
                {t.closedUntil} <Time at={closed.until} />
              </Status>
            )
            : keyless
            ? <span class="soft small">{t.noKeyNeeded}</span>
            : <a class="small" href={`/keys?provider=${name}`}>{t.keys(keys.ready, keys.total)}</a>}
        </span>
      </div>
      <div class="channel-what small">
        <span class="cut mono" title={model ?? usedModel}>{model ?? usedModel ?? t.noModel}</span>
        {told && <span class="soft">{told}</span>}
        {modelMap && (
          <span class="row">
            {modelMap.split(/[,，]/).slice(0, 3).map((alias) => <Badge key={alias}>{alias.trim()}</Badge>)}
          </span>
        )}
      </div>
      <input
        key={weight}
        class="input number channel-weight"
        type="number"
        min={0}
        max={1_000_000}
        step="any"
        required
        defaultValue={weight}
        title={t.weight}
        aria-label={t.weightOf(name)}
        onChange={({ currentTarget }) => {
          if (!currentTarget.reportValidity()) return;
          if (currentTarget.valueAsNumber !== weight) onWeight(currentTarget.valueAsNumber);
        }}
        onKeyDown={({ key, currentTarget }) => {
          if (key === "Escape") currentTarget.value = String(weight);
        }}
      />
      <label class="switch plain channel-switch">
        <span class="unseen">{t.enable(name)}</span>
        <input
          type="checkbox"
          role="switch"
          checked={enabled}
          onChange={({ currentTarget }) => void toggle(currentTarget.checked)}
        />
      </label>
    </div>
  );
}
