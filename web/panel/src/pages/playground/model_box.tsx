/** A searchable choice of a model, grouped by provider. What is typed may also be a name that no list has. */
import { useSignal } from "@preact/signals";
import { ChevronsUpDown } from "lucide-preact";
import { useContext, useId, useRef } from "preact/hooks";
import { formatMoney } from "../../format.ts";
import { Field } from "../../parts/field.tsx";
import { type Choice, type Model, type Provider, Providers } from "./choices.ts";
import { task } from "./draft.ts";
import { texts } from "./texts.ts";

interface Option {
  value: string;
  label: string;
  hint: string;
}

interface Group {
  name: string;
  hint: string;
  options: Option[];
}

/** `choice` is what is known of the one that is chosen. */
export function ModelBox({ label, value, onValue, choice }: {
  label: string;
  value: string;
  onValue: (value: string) => void;
  choice: Choice;
}) {
  const t = texts();
  const id = useId();
  const providers = useContext(Providers);
  const list = useRef<HTMLDivElement>(null);
  /** What is typed, while the list is open. */
  const typed = useSignal<string | undefined>(undefined);
  const active = useSignal(0);
  const isOpen = typed.value !== undefined;
  const groups = isOpen ? groupsOf(providers, typed.value!) : [];
  const options = groups.flatMap(({ options }) => options);

  const open = () => {
    typed.value ??= "";
    active.value = Math.max(
      0,
      groupsOf(providers, "").flatMap(({ options }) => options).findIndex((option) => option.value === value),
    );
    requestAnimationFrame(() =>
      list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" })
    );
  };
  const choose = (option: Option | undefined) => {
    typed.value = undefined;
    if (option) onValue(option.value);
  };
  const move = (to: number, among: number) => {
    active.value = (to + among) % Math.max(1, among);
    list.current?.querySelectorAll("[role=option]")[active.value]?.scrollIntoView({ block: "nearest" });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const { key } = event;
    // What is typed may be newer than what is drawn.
    const now = typed.peek() === undefined ? undefined : groupsOf(providers, typed.peek()!);
    const offered = now?.flatMap(({ options }) => options);
    if (key === "ArrowDown" || key === "ArrowUp") {
      event.preventDefault();
      if (offered) move(active.peek() + (key === "ArrowDown" ? 1 : -1), offered.length);
      else open();
    }
    if (key === "Enter" && !event.isComposing) {
      // Choosing a model must not order a picture.
      event.preventDefault();
      if (offered) choose(offered[active.peek()]);
    }
    if (key === "Escape" && offered) {
      event.preventDefault();
      event.stopPropagation();
      typed.value = undefined;
    }
  };
  let place = 0;
  return (
    <Field label={label} hint={<About choice={choice} />}>
      {(props) => (
        <div class="playground-box">
          <input
            {...props}
            type="text"
            class="input"
            role="combobox"
            autocomplete="off"
            spellcheck={false}
            aria-expanded={isOpen}
            aria-controls={`${id}-list`}
            aria-autocomplete="list"
            aria-activedescendant={isOpen && options.length > 0 ? `${id}-${active.value}` : undefined}
            placeholder={isOpen ? nameOf(value, t.auto) : undefined}
            value={typed.value ?? nameOf(value, t.auto)}
            onClick={open}
            onInput={({ currentTarget }) => {
              typed.value = currentTarget.value;
              active.value = 0;
            }}
            onKeyDown={onKeyDown}
            onBlur={() => typed.value = undefined}
          />
          <ChevronsUpDown size={16} aria-hidden="true" />
          <div
            ref={list}
            id={`${id}-list`}
            class="playground-list"
            role="listbox"
            aria-label={label}
            hidden={!isOpen}
            // The focus stays in the field.
            onMouseDown={(event) => event.preventDefault()}
          >
            {isOpen && options.length === 0 && <p class="soft">{t.noModel}</p>}
            {groups.map((group) => (
              <div key={group.name} role="group" aria-label={`${group.name} ${group.hint}`}>
                {group.name && (
                  <h3 aria-hidden="true">
                    {group.name} <span class="soft small">{group.hint}</span>
                  </h3>
                )}
                {group.options.map((option) => {
                  const index = place++;
                  return (
                    <div
                      key={option.value}
                      id={`${id}-${index}`}
                      role="option"
                      aria-selected={index === active.value}
                      class={option.value === value ? "chosen" : undefined}
                      onClick={() => choose(option)}
                    >
                      <span>{option.label}</span>
                      <span class="soft small">{option.hint}</span>
                    </div>
                  );
                })}
              </div>
            ))}
          </div>
        </div>
      )}
    </Field>
  );
}

function About({ choice: { goesTo, priceUsd, problem, isMock } }: { choice: Choice }) {
  const t = texts();
  if (isMock) {
    return (
      <>
        {t.mockAnswers} <a href="/keys">{t.addKey}</a>
      </>
    );
  }
  const told = [
    goesTo && t.goesTo(goesTo),
    priceUsd !== undefined && (priceUsd > 0 ? t.aPicture(formatMoney(priceUsd)) : t.free),
  ].filter(Boolean).join(" · ");
  return (
    <>
      {told}
      {problem && <span class="playground-problem">{problem}</span>}
    </>
  );
}

function nameOf(value: string, auto: string): string {
  return value === "auto" ? auto : value;
}

/** What matches; every word has to be in the provider's or the model's name. */
function groupsOf(providers: readonly Provider[], typed: string): Group[] {
  const t = texts();
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (text: string) => words.every((word) => text.toLowerCase().includes(word));
  const groups: Group[] = providers.map(({ name, models, keyless, keys }) => ({
    name,
    hint: keyless || keys.total > 0 ? "" : t.noKey,
    options: models.filter(({ id }) => matches(`${name}/${id}`)).map((model) => ({
      value: `${name}/${model.id}`,
      label: model.id,
      hint: hintOf(model),
    })),
  }));
  const found = groups.filter(({ options }) => options.length > 0);
  const automatic = { value: "auto", label: t.auto, hint: t.autoHint };
  if (matches(`${t.auto} auto`)) found.unshift({ name: "", hint: "", options: [automatic] });
  const isKnown = found.some(({ options }) =>
    options.some(({ value, label }) => typed === value || typed === label)
  );
  if (words.length > 0 && !isKnown) {
    found.push({
      name: "",
      hint: "",
      options: [{ value: typed.trim(), label: t.asTyped(typed.trim()), hint: "" }],
    });
  }
  return found;
}

function hintOf({ tasks, priceUsd }: Model): string {
  const t = texts();
  const isUnable = task.value !== "generate" && !tasks.some((one) => one !== "generate");
  const price = priceUsd === undefined ? "" : priceUsd > 0 ? formatMoney(priceUsd) : t.free;
  return isUnable ? t.wordsOnly : price;
}
