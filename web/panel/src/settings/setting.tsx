/** One setting: its name, where it comes from, and the control that its kind asks for. */
import { useSignal } from "@preact/signals";

import { useEffect } from "preact/hooks";
import { Lock, RotateCcw, RotateCw, Undo2 } from "lucide-preact";
import { Button, IconButton } from "../parts/button.tsx";
import {
  Field,
  type FieldProps,
  ListField,
  NumberField,
  SelectField,
  SwitchField,
  TextareaField,
  TextField,
} from "../parts/field.tsx";
import { Badge } from "../parts/signs.tsx";
import { formatBytes, formatDuration } from "../format.ts";
import type { Draft, SettingField } from "./draft.ts";
import { nameOf, optionName } from "./names.ts";
import { settingTexts } from "./texts.ts";
import "./setting.css";

/** `<Setting field={field} draft={draft} />`; `suggestions` are offered where it is a text. */
export function Setting(
  { field, draft, suggestions }: { field: SettingField; draft: Draft; suggestions?: readonly string[] },
) {
  const { title, description } = nameOf(field);
  const { path } = field;
  const isChanged = draft.changes.value.has(path);
  const isFixed = field.fixedBy !== undefined || field.environmentOnly;
  const props: FieldProps = {
    label: title,
    error: draft.errors.value[path],
    disabled: isFixed,
    hint: (
      <>
        {description}
        <About field={field} draft={draft} />
      </>
    ),
  };
  return (
    <div class={`setting ${kindOf(field)}${isChanged ? " changed" : ""}`} data-path={path}>
      <Control field={field} draft={draft} props={props} suggestions={suggestions} />
      <div class="setting-way">
        <Way field={field} draft={draft} title={title} />
      </div>
    </div>
  );
}

/** Long ones take the whole width. */
function kindOf({ kind, default: standard }: SettingField): string {
  const isLong = kind === "object" || typeof standard === "string" && standard.length > 80;
  return isLong ? "long" : kind;
}

/** Below the description: path, variables, and what is special. */
function About({ field, draft }: { field: SettingField; draft: Draft }) {
  const t = settingTexts();
  const { path, variables, fixedBy, environmentOnly, restart } = field;
  return (
    <span class="setting-about">
      <code>{path}</code>
      {fixedBy !== undefined
        ? <Badge tone="info" icon={Lock}>{t.fixed(fixedBy)}</Badge>
        : environmentOnly
        ? <Badge icon={Lock}>{t.environmentOnly(variables.join(", "))}</Badge>
        : variables.map((name) => <code key={name}>{name}</code>)}
      {restart && !environmentOnly && <Badge tone="warn" icon={RotateCw}>{t.restart}</Badge>}
      {draft.isContested(field) && <Badge tone="bad">{t.elsewhere(told(field.value) || t.nothing)}</Badge>}
    </span>
  );
}

function told(value: unknown): string {
  const text = typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Back: to what the gateway has, or to the default. */
function Way({ field, draft, title }: { field: SettingField; draft: Draft; title: string }) {
  const t = settingTexts();
  if (draft.changes.value.has(field.path)) {
    return <IconButton small icon={Undo2} label={t.undo(title)} onClick={() => draft.undo(field.path)} />;
  }
  if (field.origin !== "file" || field.secret) return null;
  return <IconButton small icon={RotateCcw} label={t.reset(title)} onClick={() => draft.set(field, null)} />;
}

interface ControlProps {
  field: SettingField;
  draft: Draft;
  props: FieldProps;
  suggestions?: readonly string[];
}

function Control({ field, draft, props, suggestions }: ControlProps) {
  const t = settingTexts();
  const { path, kind, options, secret } = field;
  const value = draft.valueOf(field);
  const onValue = (next: unknown) => draft.set(field, next);
  if (kind === "list") {
    return (
      <ListField
        {...props}
        name={path}
        value={texts(value)}
        onValue={onValue}
        placeholder={props.disabled ? t.notSet : t.list}
      />
    );
  }
  if (secret) return <SecretControl field={field} draft={draft} props={props} />;
  if (kind === "boolean" && field.default !== undefined) {
    return <SwitchField {...props} value={value === true} onValue={onValue} />;
  }
  if (kind === "boolean") {
    return (
      <SelectField
        {...props}
        name={path}
        value={value === undefined || value === null ? "" : String(value)}
        onValue={(chosen) => onValue(chosen === "" ? null : chosen === "true")}
        options={[
          { value: "", label: t.notSet },
          { value: "true", label: t.on },
          { value: "false", label: t.off },
        ]}
      />
    );
  }
  if (kind === "number") {
    const amount = typeof value === "number" ? value : undefined;
    return (
      <NumberField
        {...props}
        name={path}
        value={amount}
        onValue={onValue}
        unit={unitOf(field, amount)}
        placeholder={String(field.default ?? "")}
      />
    );
  }
  if (options) {
    return (
      <SelectField
        {...props}
        name={path}
        value={String(value ?? "")}
        onValue={onValue}
        options={options.map((option) => ({ value: option, label: optionName(path, option) }))}
      />
    );
  }
  const text = { ...props, name: path, value: String(value ?? ""), onValue };
  if (kindOf(field) === "long") {
    return <TextareaField {...text} rows={kind === "object" ? 8 : 6} spellcheck={false} />;
  }
  return (
    <TextField
      {...text}
      type={field.expected.startsWith("an http") ? "url" : "text"}
      suggestions={suggestions}
      spellcheck={false}
    />
  );
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** The unit that the description names, and what large numbers of it come to. */
function unitOf({ description }: SettingField, amount: number | undefined): string | undefined {
  const unit = /\bin (ms|bytes|days|seconds|characters)\b/i.exec(description)?.[1] ??
    /\b(bytes) of\b/.exec(description)?.[1];
  if (unit === "ms") return amount && amount >= 1000 ? `ms = ${formatDuration(amount)}` : "ms";
  if (unit === "bytes") return amount && amount >= 1000 ? `B = ${formatBytes(amount)}` : "B";
  if (unit === "seconds") return amount && amount >= 100 ? `s = ${formatDuration(amount * 1000)}` : "s";
  return undefined;
}

/** A secret never comes back from the gateway: what is stored can be replaced or removed. */
function SecretControl({ field, draft, props }: ControlProps) {
  const t = settingTexts();
  const isOpen = useSignal(false);
  const { path } = field;
  const change = draft.changes.value.get(path);
  const mask = typeof field.value === "string" ? field.value : "";
  const isFixed = props.disabled;
  const isBusy = draft.busy.value;
  // What was saved is stored now.
  useEffect(() => {
    if (!isBusy && !draft.changes.peek().has(path)) isOpen.value = false;
  }, [isBusy]);
  if (mask === "" && !isFixed || change?.value || isOpen.value) {
    return (
      <Field {...props}>
        {(described) => (
          <div class="setting-secret">
            <input
              {...described}
              type="password"
              autocomplete="off"
              class="input"
              name={path}
              placeholder={mask && t.typeNew}
              value={String(change?.value ?? "")}
              onInput={({ currentTarget }) => {
                const typed = currentTarget.value;
                if (typed === "") draft.undo(path);
                else draft.set(field, typed);
              }}
            />
            {mask && (
              <Button
                small
                onClick={() => {
                  isOpen.value = false;
                  draft.undo(path);
                }}
              >
                {t.keep}
              </Button>
            )}
          </div>
        )}
      </Field>
    );
  }
  return (
    <Field {...props}>
      {(described) => (
        <div class="setting-secret">
          <input
            {...described}
            type="text"
            class="input mono"
            name={path}
            readOnly
            value={change ? t.willGo : mask || t.notSet}
          />
          {!isFixed && (
            <>
              <Button small onClick={() => isOpen.value = true}>{t.replace}</Button>
              {change
                ? <Button small onClick={() => draft.undo(path)}>{t.keep}</Button>
                : <Button small kind="danger" onClick={() => draft.set(field, null)}>{t.remove}</Button>}
            </>
          )}
        </div>
      )}
    </Field>
  );
}
