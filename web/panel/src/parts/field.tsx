/**
 * Fields with label, hint and error. All take `value` and `onValue`, so that `{...form.field("path")}` fills them
 * and a signal does too: `value={name.value} onValue={(value) => name.value = value}`.
 */
import { useSignal } from "@preact/signals";
import { CircleAlert, X } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { partTexts } from "./texts.ts";

/** What every field takes. */
export interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  error?: string;
  /** Only for screen readers, where the place says what the field is. */
  hideLabel?: boolean;
  disabled?: boolean;
}

interface Value<T> {
  value: T;
  onValue: (value: T) => void;
}

/** What else goes to the <input>, <select> or <textarea> as it is. */
interface Rest {
  name?: string;
  placeholder?: string;
  required?: boolean;
  readOnly?: boolean;
  autofocus?: boolean;
  spellcheck?: boolean;
  maxLength?: number;
  autocomplete?: "on" | "off" | "current-password" | "new-password" | "url" | "email";
}

interface Described {
  id: string;
  disabled?: boolean;
  "aria-describedby"?: string;
  "aria-invalid"?: boolean;
}

/** Label, hint and error around any control: `<Field label="Mask">{(props) => <canvas {...props} />}</Field>` */
export function Field(
  { label, hint, error, hideLabel, disabled, children }: FieldProps & {
    children: (props: Described) => ComponentChildren;
  },
) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id} class={hideLabel ? "unseen" : undefined}>{label}</label>
      {children({
        id,
        disabled,
        "aria-describedby": described || undefined,
        "aria-invalid": error !== undefined || undefined,
      })}
      <Below id={id} hint={hint} error={error} />
    </div>
  );
}

function Below({ id, hint, error }: { id: string; hint?: ComponentChildren; error?: string }) {
  return (
    <>
      {hint && <div id={`${id}-hint`} class="hint">{hint}</div>}
      {error && (
        <div id={`${id}-error`} class="error">
          <CircleAlert size={15} aria-hidden="true" />
          {error}
        </div>
      )}
    </>
  );
}

/** One line of text; `type="password"`, `"url"`, `"datetime-local"` and so on as `<input>`. */
export function TextField(
  { label, hint, error, hideLabel, disabled, value, onValue, type = "text", suggestions = [], ...rest }:
    & FieldProps
    & Value<string>
    & Rest
    & {
      type?: "text" | "password" | "url" | "email" | "date" | "datetime-local";
      suggestions?: readonly string[];
    },
) {
  const id = useId();
  return (
    <Field {...{ label, hint, error, hideLabel, disabled }}>
      {(props) => (
        <>
          <input
            autocomplete="off"
            {...rest}
            {...props}
            // JSX wants to know which of them it is; what differs between them is not used here.
            type={type as "text"}
            class="input"
            list={suggestions.length > 0 ? id : undefined}
            value={value}
            onInput={({ currentTarget }) => onValue(currentTarget.value)}
          />
          {suggestions.length > 0 && (
            <datalist id={id}>{suggestions.map((name) => <option key={name} value={name} />)}</datalist>
          )}
        </>
      )}
    </Field>
  );
}

/** A number with its unit. Empty is `undefined`; what is no number in the range is told and not given on. */
export function NumberField(
  { label, hint, error, hideLabel, disabled, value, onValue, unit, ...rest }:
    & FieldProps
    & Value<number | undefined>
    & Rest
    & { unit?: string; min?: number; max?: number; step?: number | "any" },
) {
  const problem = useSignal<string>();
  return (
    <Field {...{ label, hint, hideLabel, disabled }} error={problem.value ?? error}>
      {(props) => (
        <div class="with-unit">
          <input
            step="any"
            {...rest}
            {...props}
            type="number"
            inputMode="decimal"
            class="input number"
            value={value ?? ""}
            onInput={({ currentTarget }) => {
              const { validity, validationMessage, valueAsNumber } = currentTarget;
              problem.value = validity.valid || validity.valueMissing ? undefined : validationMessage;
              if (validity.valid) onValue(Number.isNaN(valueAsNumber) ? undefined : valueAsNumber);
            }}
          />
          {unit && <span>{unit}</span>}
        </div>
      )}
    </Field>
  );
}

/** One of some: `options={[{ value: "cascade", label: t.cascade }]}`. */
export function SelectField<T extends string>(
  { label, hint, error, hideLabel, disabled, value, onValue, options, ...rest }:
    & FieldProps
    & Value<T>
    & Pick<Rest, "name" | "required">
    & { options: readonly { value: T; label: string }[] },
) {
  return (
    <Field {...{ label, hint, error, hideLabel, disabled }}>
      {(props) => (
        <select
          {...rest}
          {...props}
          class="input"
          value={value}
          onChange={({ currentTarget }) => onValue(currentTarget.value as T)}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value} selected={option.value === value}>
              {option.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** On or off, with its label before it. */
export function SwitchField(
  { label, hint, error, hideLabel, disabled, value, onValue }: FieldProps & Value<boolean>,
) {
  const id = useId();
  return (
    <div class="field">
      <label class={hideLabel ? "switch plain" : "switch"}>
        <span class={hideLabel ? "unseen" : undefined}>{label}</span>
        <input
          type="checkbox"
          role="switch"
          checked={value}
          disabled={disabled}
          aria-describedby={hint ? `${id}-hint` : undefined}
          onChange={({ currentTarget }) => onValue(currentTarget.checked)}
        />
      </label>
      <Below id={id} hint={hint} error={error} />
    </div>
  );
}

/** Many lines of text. */
export function TextareaField(
  { label, hint, error, hideLabel, disabled, value, onValue, ...rest }:
    & FieldProps
    & Value<string>
    & Rest
    & { rows?: number },
) {
  return (
    <Field {...{ label, hint, error, hideLabel, disabled }}>
      {(props) => (
        <textarea
          rows={4}
          {...rest}
          {...props}
          class="input"
          value={value}
          onInput={({ currentTarget }) => onValue(currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** A list of short texts: Enter or a comma ends one, a pasted list is taken apart, Backspace removes the last. */
export function ListField(
  { label, hint, error, hideLabel, disabled, value, onValue, suggestions = [], ...rest }:
    & FieldProps
    & Value<readonly string[]>
    & Rest
    & { suggestions?: readonly string[] },
) {
  const t = partTexts();
  const id = useId();
  const typed = useSignal("");
  const take = (text: string) => {
    const added = text.split(/[\n,，;；]+/).map((entry) => entry.trim()).filter(Boolean);
    typed.value = "";
    // Of two entries that look alike, such as masks of secrets, neither may get lost.
    const isNew = (entry: string, index: number) => !value.includes(entry) && added.indexOf(entry) === index;
    if (added.length > 0) onValue([...value, ...added.filter(isNew)]);
  };
  return (
    <Field {...{ label, error, hideLabel, disabled }} hint={hint ?? t.listHint}>
      {(props) => (
        <>
          {value.length > 0 && (
            <ul class="tags" aria-label={label}>
              {value.map((entry, index) => (
                <li key={`${entry} ${index}`} class="tag">
                  {entry}
                  <button
                    type="button"
                    aria-label={t.remove(entry)}
                    disabled={disabled}
                    onClick={() => onValue(value.filter((_, other) => other !== index))}
                  >
                    <X size={14} aria-hidden="true" />
                  </button>
                </li>
              ))}
            </ul>
          )}
          <input
            autocomplete="off"
            {...rest}
            {...props}
            type="text"
            class="input"
            list={suggestions.length > 0 ? `${id}-list` : undefined}
            value={typed.value}
            onInput={({ currentTarget }) => {
              typed.value = currentTarget.value;
              if (/[,，;；]$/.test(typed.value) || suggestions.includes(typed.value)) take(typed.value);
            }}
            onBlur={() => take(typed.value)}
            onPaste={(event) => {
              const text = event.clipboardData?.getData("text") ?? "";
              if (!/[\n,，;；]/.test(text)) return;
              event.preventDefault();
              take(text);
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter" && !event.isComposing && typed.value !== "") {
                event.preventDefault();
                take(typed.value);
              }
              if (event.key === "Backspace" && typed.value === "") onValue(value.slice(0, -1));
            }}
          />
          {suggestions.length > 0 && (
            <datalist id={`${id}-list`}>
              {suggestions.filter((name) => !value.includes(name)).map((name) => (
                <option key={name} value={name} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}
