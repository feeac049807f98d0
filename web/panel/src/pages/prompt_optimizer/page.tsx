/** The text model that translates and expands prompts: who it is, what it is told, and what it makes of one. */
import { useSignal } from "@preact/signals";
import { CircleAlert, CircleCheck, ListRestart, PlugZap, WandSparkles } from "lucide-preact";
import { api, call } from "../../api.ts";
import { formatDuration } from "../../format.ts";
import { Button } from "../../parts/button.tsx";
import { TextareaField } from "../../parts/field.tsx";
import { Card, PageHeader } from "../../parts/page.tsx";
import { Badge } from "../../parts/signs.tsx";
import { Loaded, Note } from "../../parts/states.tsx";
import { messageOf, type Resource, useResource } from "../../resource.ts";
import { createDraft, readForm, type SettingField, type SettingsForm } from "../../settings/draft.ts";
import { DraftForm } from "../../settings/save_bar.tsx";
import { Setting } from "../../settings/setting.tsx";
import { texts } from "./texts.ts";
import "./page.css";

const HERE = "promptOptimizer.";
const CARDS = {
  service: ["baseUrl", "apiKey", "model"],
  translate: ["enableTranslate", "translateMaxLength", "translatePrompt"],
  expand: ["enableExpand", "expandMaxLength", "expandPrompt"],
} as const;
const CLAIMED: readonly string[] = Object.values(CARDS).flat();
const draft = createDraft();

export default function PromptOptimizerPage() {
  const t = texts();
  const form = useResource(readForm, { on: ["settings"] });
  return (
    <>
      <PageHeader title={t.title} lead={t.lead} />
      <Loaded from={form} lines={10}>
        {({ fields }) => (
          <Optimizer
            form={form}
            fields={fields.filter(({ path }) => path.startsWith(HERE))}
          />
        )}
      </Loaded>
    </>
  );
}

function Optimizer({ form, fields }: { form: Resource<SettingsForm>; fields: readonly SettingField[] }) {
  const t = texts();
  const models = useSignal<readonly string[]>([]);
  const named = (name: string) => fields.find(({ path }) => path === HERE + name);
  const show = (names: readonly string[]) =>
    names.map((name) => {
      const field = named(name);
      return field && (
        <Setting
          key={name}
          field={field}
          draft={draft}
          suggestions={name === "model" ? models.value : undefined}
        />
      );
    });
  const others = fields.map(({ path }) => path.slice(HERE.length)).filter((name) => !CLAIMED.includes(name));
  const valueOf = (name: string) => {
    const field = named(name);
    return field && draft.valueOf(field);
  };
  const isReady = Boolean(valueOf("baseUrl") && valueOf("model"));
  return (
    <div class="optimizer">
      <DraftForm draft={draft} form={form}>
        <Card
          title={t.service}
          actions={isReady ? <Badge tone="good">{t.ready}</Badge> : <Badge>{t.notReady}</Badge>}
        >
          <div class="setting-list">{show(CARDS.service)}</div>
          <ServiceTools onModels={(found) => models.value = found} />
        </Card>
        <Card title={t.translate}>
          <div class="setting-list">{show(CARDS.translate)}</div>
        </Card>
        <Card title={t.expand}>
          <div class="setting-list">{show(CARDS.expand)}</div>
        </Card>
        <Card title={t.limits}>
          <div class="setting-list">{show(others)}</div>
        </Card>
      </DraftForm>
      <Trial valueOf={valueOf} isReady={isReady} />
    </div>
  );
}

/** What was typed of the service; what was not is left to what is stored. */
function typedService() {
  const typed = (name: string) => {
    const value = draft.changes.value.get(HERE + name)?.value;
    return typeof value === "string" ? value : undefined;
  };
  return { baseUrl: typed("baseUrl"), apiKey: typed("apiKey"), model: typed("model") };
}

type Told = { ok: boolean; text: string };

function ServiceTools({ onModels }: { onModels: (models: readonly string[]) => void }) {
  const t = texts();
  const busy = useSignal<"" | "test" | "models">("");
  const told = useSignal<Told>();
  const run = async (what: "test" | "models", work: () => Promise<string>) => {
    busy.value = what;
    told.value = undefined;
    try {
      told.value = { ok: true, text: await work() };
    } catch (error) {
      told.value = { ok: false, text: messageOf(error) };
    } finally {
      busy.value = "";
    }
  };
  const test = async () => {
    const { model, durationMs, message } = await rewrite(typedService());
    return t.works(model, formatDuration(durationMs), message);
  };
  const fetchModels = async () => {
    const answer = await call(api.tools["prompt-optimizer-models"].$post({ json: typedService() }));
    const { models } = answer as { models: string[] };
    onModels(models);
    return t.found(models.length);
  };
  return (
    <div class="stack tight optimizer-tools">
      <div class="row">
        <Button icon={PlugZap} busy={busy.value === "test"} onClick={() => run("test", test)}>
          {t.test}
        </Button>
        <Button icon={ListRestart} busy={busy.value === "models"} onClick={() => run("models", fetchModels)}>
          {t.fetchModels}
        </Button>
      </div>
      <div role="status">
        {told.value && (
          <Note tone={told.value.ok ? "good" : "bad"} icon={told.value.ok ? CircleCheck : CircleAlert}>
            {told.value.text}
          </Note>
        )}
      </div>
    </div>
  );
}

/** One request to the text model. @throws ApiError */
async function rewrite(json: {
  baseUrl?: string;
  apiKey?: string;
  model?: string;
  prompt?: string;
  work?: "translate" | "expand";
  instruction?: string;
}) {
  const answer = await call(api.tools["test-prompt-optimizer"].$post({ json }));
  return answer as { message: string; model: string; durationMs: number };
}

interface Step {
  work: "translate" | "expand";
  result: string;
  durationMs: number;
  isSame: boolean;
}

/** A prompt on its way: as a request's would be, with the switches and instructions as they stand above. */
function Trial({ valueOf, isReady }: { valueOf: (name: string) => unknown; isReady: boolean }) {
  const t = texts();
  const prompt = useSignal("");
  const busy = useSignal(false);
  const steps = useSignal<readonly Step[]>();
  const error = useSignal<string>();
  const works = (["translate", "expand"] as const).filter((work) =>
    valueOf(work === "translate" ? "enableTranslate" : "enableExpand") === true
  );
  const run = async () => {
    busy.value = true;
    error.value = undefined;
    steps.value = [];
    let text = prompt.value.trim();
    try {
      for (const work of works) {
        const instruction = String(valueOf(`${work}Prompt`) ?? "") || undefined;
        const { message, durationMs } = await rewrite({ ...typedService(), prompt: text, work, instruction });
        steps.value = [...steps.value, { work, result: message, durationMs, isSame: message === text }];
        text = message;
      }
    } catch (failure) {
      error.value = messageOf(failure);
    } finally {
      busy.value = false;
    }
  };
  return (
    <Card title={t.tryIt}>
      <div class="stack">
        <p class="soft">{t.tryHint}</p>
        <TextareaField
          label={t.prompt}
          rows={3}
          maxLength={20_000}
          placeholder={t.example}
          value={prompt.value}
          onValue={(text) => prompt.value = text}
        />
        <div class="row">
          <Button
            icon={WandSparkles}
            busy={busy.value}
            disabled={!isReady || works.length === 0 || prompt.value.trim() === ""}
            onClick={run}
          >
            {t.rewrite}
          </Button>
          {!isReady
            ? <span class="soft small">{t.needsService}</span>
            : works.length === 0 && <span class="soft small">{t.needsSwitch}</span>}
        </div>
        <div role="status" class="stack">
          {steps.value?.map(({ work, result, durationMs, isSame }) => (
            <div key={work} class="stack tight">
              <h3>
                {t.steps[work]}{" "}
                <span class="soft small">{isSame ? t.unchanged : formatDuration(durationMs)}</span>
              </h3>
              <blockquote class="optimizer-result">{result}</blockquote>
            </div>
          ))}
          {error.value && <Note tone="bad" icon={CircleAlert}>{error.value}</Note>}
        </div>
      </div>
    </Card>
  );
}
