/** The playground: a first picture by one button, and every parameter of every model for those who look for it. */
import { useSignal } from "@preact/signals";
import { Code, History, ImagePlus, Sparkles, SquareSplitHorizontal, Trash2 } from "lucide-preact";
import { useLocation } from "preact-iso";
import { useEffect, useRef } from "preact/hooks";
import { api, call } from "../../api.ts";
import { Button } from "../../parts/button.tsx";
import { TextareaField } from "../../parts/field.tsx";
import { Menu } from "../../parts/menu.tsx";
import { Card, PageHeader } from "../../parts/page.tsx";
import { EmptyState, Loaded } from "../../parts/states.tsx";
import { tell, toast } from "../../parts/toasts.tsx";
import {
  type Choice,
  parametersOf,
  Providers,
  useChoice,
  useProviderNames,
  useProviders,
} from "./choices.ts";
import { change, draft, keepRecent, recent, requestOf, task } from "./draft.ts";
import { addInputs, Inputs, storedInput } from "./inputs.tsx";
import { ModelBox } from "./model_box.tsx";
import { Parameters } from "./parameters.tsx";
import { Result } from "./result.tsx";
import { runs, start } from "./runs.ts";
import { texts } from "./texts.ts";
import "./page.css";

export default function PlaygroundPage() {
  const t = texts();
  const providers = useProviders();
  useAddress();
  return (
    <>
      <PageHeader title={t.title} lead={t.lead} />
      <Loaded from={providers} lines={8}>
        {(found) => (
          <Providers.Provider value={found}>
            <Bench />
          </Providers.Provider>
        )}
      </Loaded>
    </>
  );
}

/** Takes over what a link brought: a picture to run again or to work on, or a prompt. */
function useAddress(): void {
  const t = texts();
  const { query: { from, input, prompt }, route } = useLocation();
  useEffect(() => {
    if (prompt) change({ prompt });
    if (input) addInputs([storedInput(input)]);
    if (from) void fillFrom(from).then(toast.info, toast.bad);
    // Once: what somebody changes afterwards must survive a reload of the page's data.
    if (from || input || prompt) route("/playground", true);
  }, [from, input, prompt]);

  async function fillFrom(name: string): Promise<string> {
    const picture = await call(api.gallery[":name"].$get({ param: { name } }));
    const { body, inputs } = picture.rerun ??
      { body: { model: picture.model, provider: picture.provider }, inputs: 0 };
    const { prompt, model, provider, size, aspect_ratio, prompt_optimizer, ...settings }: Record<
      string,
      unknown
    > = body;
    change({
      prompt: typeof prompt === "string" ? prompt : picture.prompt,
      model: typeof provider === "string"
        ? `${provider}/${model || "auto"}`
        : typeof model === "string" && model
        ? model
        : "auto",
      other: undefined,
      size: String(size ?? aspect_ratio ?? ""),
      settings: { partial_images: draft.peek().settings.partial_images, ...settings },
      optimizer: prompt_optimizer === undefined ? "" : isOn(prompt_optimizer) ? "on" : "off",
      inputs: [],
    });
    return inputs > 0 ? t.inputsMissing(inputs) : t.filled;
  }
}

function isOn(rewriting: unknown): boolean {
  return typeof rewriting === "object" && rewriting !== null
    ? Object.values(rewriting).some(Boolean)
    : Boolean(rewriting);
}

/** The form, and beside or below it what came of it. */
function Bench() {
  const t = texts();
  const results = useRef<HTMLElement>(null);
  const names = useProviderNames();
  const CodeDialog = useSignal<typeof import("./code_dialog.tsx").CodeDialog>();
  const { prompt, model, other } = draft.value;
  const choice = useChoice(model);
  const otherChoice = useChoice(other ?? model);
  const models = [choice.model, other === undefined ? undefined : otherChoice.model];
  const parameters = parametersOf(models);
  const request = (model: string) => requestOf(model, parameters.map(({ name }) => name), names);
  const isReady = prompt.trim() !== "" || task.value !== "generate";
  const make = () => {
    if (!isReady) return;
    if (prompt.trim()) keepRecent(prompt);
    start(
      [model, ...other === undefined ? [] : [other]].map((one) => ({ model: one, request: request(one) })),
    );
    // On a phone the result is below the form.
    const block = matchMedia("(max-width: 960px)").matches ? "start" : "nearest";
    requestAnimationFrame(() => results.current?.scrollIntoView({ block, behavior: "smooth" }));
  };
  const showCode = () => tell(async () => CodeDialog.value = (await import("./code_dialog.tsx")).CodeDialog);
  return (
    <div class="playground">
      <form
        class="card stack"
        onSubmit={(event) => {
          event.preventDefault();
          make();
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) make();
        }}
      >
        <PromptField />
        <div class="row">
          <Button type="submit" kind="primary" icon={Sparkles} disabled={!isReady}>
            {other === undefined ? t.make : t.makeBoth}
          </Button>
          <span class="soft small">{t.tasks[task.value]}</span>
        </div>
        <ModelBox label={t.model} value={model} choice={choice} onValue={(model) => change({ model })} />
        {other !== undefined && (
          <ModelBox
            label={t.otherModel}
            value={other}
            choice={otherChoice}
            onValue={(other) => change({ other })}
          />
        )}
        <Parameters parameters={parameters} model={choice.model} />
        <Inputs takesMask={takesMask(choice)} />
        <div class="row">
          <Button
            small
            icon={SquareSplitHorizontal}
            aria-pressed={other !== undefined}
            onClick={() => change({ other: other === undefined ? model : undefined })}
          >
            {t.compare}
          </Button>
          <Button small icon={Code} disabled={!isReady} onClick={showCode}>
            {t.code}
          </Button>
        </div>
      </form>
      <section ref={results} class="playground-results" aria-label={t.result}>
        {runs.value.length === 0
          ? (
            <Card>
              <EmptyState icon={ImagePlus} title={t.emptyTitle}>{t.emptyHint}</EmptyState>
            </Card>
          )
          : runs.value.map((started) => <Result key={started} started={started} />)}
      </section>
      {CodeDialog.value && (
        <CodeDialog.value
          request={request(model)}
          onClose={() => CodeDialog.value = undefined}
        />
      )}
    </div>
  );
}

/** Whether a mask may do something: also where it is not known who will be asked. */
function takesMask({ model }: Choice): boolean {
  return model?.mask ?? true;
}

function PromptField() {
  const t = texts();
  const { prompt, inputs } = draft.value;
  return (
    <div class="playground-prompt">
      <TextareaField
        label={t.prompt}
        hint={inputs.length > 0 && prompt.trim() === "" ? t.variationHint : t.promptHint}
        rows={4}
        maxLength={32_000}
        value={prompt}
        onValue={(prompt) => change({ prompt })}
      />
      {recent.value.length > 0 && (
        <Menu
          icon={History}
          label={t.recent}
          items={[
            ...recent.value.map((prompt) => ({ label: prompt, onChoose: () => change({ prompt }) })),
            { label: t.forgetRecent, icon: Trash2, onChoose: () => keepRecent() },
          ]}
        />
      )}
    </div>
  );
}
