/** One provider: what it is asked for by each task, where it is, how much it may be asked, and what it costs. */
import { ArrowLeft, ExternalLink } from "lucide-preact";
import { useLocation } from "preact-iso";
import { Button, LinkButton } from "../../parts/button.tsx";
import { confirm } from "../../parts/dialog.tsx";
import { ListField, NumberField, TextField } from "../../parts/field.tsx";
import { Form, type FormState } from "../../parts/form.tsx";
import { Card, Fact, Facts, PageHeader } from "../../parts/page.tsx";
import { Badge, Status, Time } from "../../parts/signs.tsx";
import { EmptyState } from "../../parts/states.tsx";
import { partTexts } from "../../parts/texts.ts";
import { tell } from "../../parts/toasts.tsx";
import { api, call } from "../../api.ts";
import {
  canDo,
  type Channels,
  fixedBy,
  type Provider,
  readChannels,
  switchProvider,
  type Task,
  TASKS,
} from "./channels.ts";
import { Models } from "./models.tsx";
import { changesOf, type Draft, draftOf } from "./provider_draft.ts";
import { useSettingsForm } from "./stale.tsx";
import { Tries } from "./tries.tsx";
import { texts } from "./texts.ts";

const BLOCKS = Object.keys(TASKS) as Task[];

export function ProviderView({ name, channels, back, onSaved }: {
  name: string;
  channels: Channels;
  back: string;
  onSaved: () => void;
}) {
  const t = texts();
  const provider = channels.providers.find((one) => one.name === name);
  if (provider) {
    return <Setup provider={provider} revision={channels.revision} back={back} onSaved={onSaved} />;
  }
  return (
    <EmptyState title={t.noProvider(name)} action={<LinkButton href={back}>{t.backToList}</LinkButton>} />
  );
}

function Setup({ provider, revision, back, onSaved }: {
  provider: Provider;
  revision: string;
  back: string;
  onSaved: () => void;
}) {
  const t = texts();
  const { route } = useLocation();
  const { name } = provider;
  const form = useSettingsForm<Draft>({
    shown: { revision, values: draftOf(provider) },
    reread: async () => {
      const now = await readChannels();
      return { revision: now.revision, values: draftOf(now.providers.find((one) => one.name === name)!) };
    },
    save: (draft, before, revision) => {
      const json = changesOf(before, draft);
      return call(api.providers[":name"].$patch({ param: { name }, json, header: { "if-match": revision } }));
    },
    onSaved,
  });
  const leave = async () => {
    if (form.isDirty.value && !await confirm({ title: partTexts().leave, action: t.leave, danger: true })) {
      return;
    }
    route(back);
  };
  return (
    <>
      <PageHeader
        title={name}
        lead={provider.aliases.length > 0 && t.alsoCalled(provider.aliases.join(", "))}
      >
        <Button icon={ArrowLeft} onClick={leave}>{t.backToList}</Button>
        {provider.keyHelp && (
          <LinkButton href={provider.keyHelp} target="_blank" rel="noreferrer" icon={ExternalLink}>
            {t.getKey}
          </LinkButton>
        )}
      </PageHeader>
      <div class="stack">
        <div class="grid">
          <Health provider={provider} onSaved={onSaved} />
          <Tries provider={provider} />
        </div>
        <Form form={form} bar>
          <Card title={t.defaults}>
            <div class="stack">
              <p class="soft small">{t.defaultsLead}</p>
              <div class="channel-tasks">
                {BLOCKS.filter((task) => canDo(provider, task)).map((task) => (
                  <TaskDefaults key={task} task={task} provider={provider} form={form} />
                ))}
              </div>
            </div>
          </Card>
          <Limits provider={provider} form={form} />
          <Models provider={provider} form={form} />
        </Form>
      </div>
    </>
  );
}

function Health({ provider, onSaved }: { provider: Provider; onSaved: () => void }) {
  const t = texts();
  const { name, enabled, keys, keyless, closed, models } = provider;
  const toggle = async () => {
    await tell(() => switchProvider(name, !enabled), enabled ? t.isOff(name) : t.isOn(name));
    onSaved();
  };
  const ill = models.filter((model) => model.closed);
  return (
    <Card
      title={t.state}
      actions={<Button small onClick={toggle}>{enabled ? t.switchOff : t.switchOn}</Button>}
    >
      <Facts>
        <Fact name={t.use}>
          <Badge tone={enabled ? "good" : "quiet"}>{enabled ? t.on : t.offWord}</Badge>
        </Fact>
        <Fact name={t.keysWord}>
          {keyless ? t.noKeyNeeded : <a href={`/keys?provider=${name}`}>{t.keys(keys.ready, keys.total)}</a>}
        </Fact>
        <Fact name={t.health}>
          {closed
            ? (
              <>
                <Status tone="bad">
                  {t.closedUntil} <Time at={closed.until} />
                </Status>
                {closed.reason && <p class="small">{closed.reason}</p>}
              </>
            )
            : ill.length === 0
            ? <Status tone="good">{t.isWell}</Status>
            : null}
          {!closed && ill.map(({ id, closed }) => (
            <p key={id} class="small">
              <Status tone="warn">
                {id}: {t.closedUntil} <Time at={closed!.until} />
              </Status>
              <br />
              {closed!.reason}
            </p>
          ))}
        </Fact>
      </Facts>
    </Card>
  );
}

function TaskDefaults({ task, provider, form }: { task: Task; provider: Provider; form: FormState<Draft> }) {
  const t = texts();
  const { models, tasks } = provider;
  const able = models.filter((model) => model.tasks.includes(TASKS[task]));
  const chosen = able.find(({ id }) => id === (form.values.value[task].model || tasks[task].usedModel));
  const sizes = chosen?.sizes;
  const list = sizes?.kind === "listed"
    ? sizes.sizes
    : sizes?.kind === "ratios"
    ? sizes.ratios
    : sizes?.kind === "free"
    ? sizes.preferred ?? []
    : [];
  return (
    <fieldset class="stack">
      <legend>{t.tabs[task]}</legend>
      <NumberField label={t.weight} hint={t.weightHint} min={0} {...form.field(`${task}.weight`)} />
      <ListField label={t.alias} hint={t.aliasHint} {...form.field(`${task}.modelMap`)} />
      <TextField
        label={t.model}
        placeholder={tasks[task].usedModel}
        suggestions={able.map(({ id }) => id)}
        {...form.field(`${task}.model`)}
      />
      <TextField
        label={t.size}
        placeholder={chosen?.defaultSize ?? "1024x1024"}
        suggestions={list}
        {...form.field(`${task}.size`)}
      />
      <TextField label={t.quality} suggestions={chosen?.qualities ?? []} {...form.field(`${task}.quality`)} />
      <div class="channel-pair">
        <NumberField label={t.images} min={1} max={10} step={1} {...form.field(`${task}.n`)} />
        <NumberField label={t.stepsWord} min={1} max={500} step={1} {...form.field(`${task}.steps`)} />
      </div>
    </fieldset>
  );
}

function Limits({ provider, form }: { provider: Provider; form: FormState<Draft> }) {
  const t = texts();
  /** What a field shows that the environment may fix. */
  const fixable = (path: string, hint: string) => {
    const variable = fixedBy(provider, path);
    return { disabled: variable !== undefined, hint: variable === undefined ? hint : t.fixedBy(variable) };
  };
  return (
    <Card title={t.limits}>
      <div class="stack">
        <TextField
          label={t.baseUrl}
          type="url"
          placeholder={provider.ownBaseUrl ?? "https://…"}
          {...form.field("baseUrl")}
          {...fixable("baseUrl", t.baseUrlHint)}
        />
        <div class="channel-limits">
          <NumberField
            label={t.maxConcurrent}
            min={1}
            step={1}
            {...form.field("maxConcurrent")}
            {...fixable("maxConcurrent", t.perKey)}
          />
          <NumberField
            label={t.perMinute}
            hint={t.emptyNone}
            min={1}
            step={1}
            {...form.field("requestsPerMinute")}
          />
          <NumberField
            label={t.perDay}
            hint={t.emptyNone}
            min={1}
            step={1}
            {...form.field("requestsPerDay")}
          />
          <NumberField
            label={t.timeout}
            hint={t.timeoutHint}
            unit="s"
            min={1}
            {...form.field("timeout")}
          />
        </div>
      </div>
    </Card>
  );
}
