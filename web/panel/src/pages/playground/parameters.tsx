/** Everything that can be told to a model besides prompt and images, each field only where the model has it. */
import { useSignal } from "@preact/signals";
import {
  Field,
  NumberField,
  SelectField,
  SwitchField,
  TextareaField,
  TextField,
} from "../../parts/field.tsx";
import type { Model, Parameter } from "./choices.ts";
import { change, draft, set } from "./draft.ts";
import { texts, valueName } from "./texts.ts";

/** What is seen without opening anything. */
const FIRST = ["n", "quality"];
/** Offered where a model takes any size. */
const USUAL = ["1024x1024", "1536x1024", "1024x1536", "1280x720", "720x1280"];
const OWN = "own";

/** The fields for these parameters. @param model whose sizes are offered */
export function Parameters({ parameters, model }: { parameters: readonly Parameter[]; model?: Model }) {
  const t = texts();
  const { settings, optimizer } = draft.value;
  const first = parameters.filter(({ name }) => FIRST.includes(name));
  const more = parameters.filter(({ name }) => !FIRST.includes(name));
  const count = more.filter(({ name }) => settings[name] !== undefined).length + (optimizer ? 1 : 0);
  const show = (parameter: Parameter) => <ParameterField key={parameter.name} parameter={parameter} />;
  return (
    <>
      <div class="playground-fields">
        {model?.sizes?.kind !== "fixed" && <SizeField model={model} />}
        {first.map(show)}
      </div>
      <details>
        <summary>{t.more}{count > 0 && <span class="small">: {t.moreSet(count)}</span>}</summary>
        <div class="playground-fields more">
          {more.map(show)}
          <SelectField
            label={t.optimizer}
            value={optimizer}
            onValue={(value) => change({ optimizer: value })}
            options={(["", "on", "off"] as const).map((value) => ({ value, label: t.optimizers[value] }))}
          />
          {settings.provider_params !== undefined && <JsonField name="provider_params" />}
        </div>
      </details>
    </>
  );
}

function SizeField({ model }: { model?: Model }) {
  const t = texts();
  const { size } = draft.value;
  const rule = model?.sizes;
  const isFree = !rule || rule.kind === "free";
  const offered = rule?.kind === "listed"
    ? rule.sizes
    : rule?.kind === "ratios"
    ? rule.ratios
    : rule?.kind === "free" && rule.preferred?.length
    ? rule.preferred
    : USUAL;
  const isOwn = useSignal(false);
  const showsOwn = isOwn.value && isFree;
  const shown = size && !offered.includes(size) && !showsOwn ? [...offered, size] : offered;
  return (
    <>
      <SelectField
        label={t.size}
        value={showsOwn ? OWN : size}
        onValue={(value) => {
          isOwn.value = value === OWN;
          if (value !== OWN) change({ size: value });
        }}
        options={[
          {
            value: "",
            label: model?.defaultSize ? `${t.autoSize} (${spoken(model.defaultSize)})` : t.autoSize,
          },
          ...shown.map((value) => ({ value, label: spoken(value) })),
          ...isFree ? [{ value: OWN, label: t.ownSize }] : [],
        ]}
      />
      {showsOwn && (
        <TextField
          label={t.ownSize}
          hint={t.ownSizeHint}
          value={size}
          placeholder="1024x1024"
          onValue={(value) => change({ size: value.trim() })}
        />
      )}
    </>
  );
}

function spoken(size: string): string {
  return size.replace(/^(\d+)x(\d+)$/, "$1×$2");
}

function ParameterField({ parameter: { name, kind, options = [], least, most } }: { parameter: Parameter }) {
  const t = texts();
  const label = t.parameters[name] ?? name;
  const value = draft.value.settings[name];
  const onValue = (value: unknown) => set(name, value);
  if (kind === "choice") {
    return (
      <SelectField
        {...{ label, onValue }}
        value={typeof value === "string" ? value : ""}
        options={[
          { value: "", label: t.byDefault },
          ...options.map((option) => ({ value: option, label: valueName(option) })),
        ]}
      />
    );
  }
  if (kind === "integer" || kind === "number") {
    return (
      <NumberField
        {...{ label, onValue }}
        value={typeof value === "number" ? value : undefined}
        min={least}
        max={most}
        step={kind === "integer" ? 1 : "any"}
        placeholder={name === "seed" ? t.random : t.byDefault}
      />
    );
  }
  if (kind === "choices") {
    const chosen = Array.isArray(value) ? value : [];
    return (
      <fieldset class="playground-chips">
        <legend class="small">{label}</legend>
        {options.map((option) => (
          <SwitchField
            key={option}
            label={valueName(option)}
            value={chosen.includes(option)}
            onValue={(isOn) => {
              const next = isOn ? [...chosen, option] : chosen.filter((other) => other !== option);
              onValue(next.length > 0 ? next : undefined);
            }}
          />
        ))}
      </fieldset>
    );
  }
  if (kind === "map") return <JsonField name={name} />;
  const text = typeof value === "string" ? value : "";
  return name === "negative_prompt"
    ? <TextareaField {...{ label, onValue }} value={text} rows={2} />
    : <TextField {...{ label, onValue }} value={text} placeholder={t.byDefault} />;
}

/** A structure as JSON. What is no valid one stays in the field and is not sent. */
function JsonField({ name }: { name: string }) {
  const t = texts();
  const value = draft.value.settings[name];
  const typed = useSignal(value === undefined ? "" : JSON.stringify(value));
  const problem = useSignal<string>();
  return (
    <Field label={t.parameters[name] ?? name} error={problem.value}>
      {(props) => (
        <textarea
          {...props}
          class="input mono"
          rows={2}
          spellcheck={false}
          placeholder='{"name": 0.8}'
          value={typed.value}
          onInput={({ currentTarget }) => {
            typed.value = currentTarget.value;
            const parsed = parse(currentTarget.value);
            problem.value = parsed === null ? t.badJson : undefined;
            set(name, parsed ?? undefined);
          }}
        />
      )}
    </Field>
  );
}

/** `undefined` for nothing, `null` for what is no JSON object. */
function parse(text: string): object | undefined | null {
  if (text.trim() === "") return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
