/** A form knows what it began with, what has changed, and which field an error of the gateway belongs to. */
import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ApiError } from "../api.ts";
import { messageOf } from "../resource.ts";
import { Button } from "./button.tsx";
import { FormError, FormShell } from "./form_shell.tsx";
import { partTexts } from "./texts.ts";

type Branch<T> = NonNullable<T> extends readonly unknown[] ? never
  : NonNullable<T> extends object ? NonNullable<T>
  : never;
/** Every path into `T`: `"s3" | "s3.bucket" | …`. */
export type Path<T> = {
  [K in keyof T & string]: K | (Branch<T[K]> extends never ? never : `${K}.${Path<Branch<T[K]>>}`);
}[keyof T & string];
/** What is at a path. */
export type At<T, P extends string> = P extends `${infer K}.${infer Rest}`
  ? K extends keyof T ? At<NonNullable<T[K]>, Rest> : never
  : P extends keyof T ? T[P]
  : never;

/** Made by `useForm`. */
export interface FormState<T extends object> {
  values: Signal<T>;
  isDirty: ReadonlySignal<boolean>;
  busy: ReadonlySignal<boolean>;
  /** Errors by the path of their field; what belongs to no field shown is at `""`. */
  errors: Signal<Readonly<Record<string, string>>>;
  /** For a field: `<TextField label="Bucket" {...form.field("s3.bucket")} />`. */
  field<P extends Path<T>>(
    path: P,
  ): { value: At<T, P>; onValue: (value: At<T, P>) => void; error: string | undefined; name: P };
  set<P extends Path<T>>(path: P, value: At<T, P>): void;
  /** Saves; a refusal goes to the fields. Gives whether it was saved. */
  submit(): Promise<boolean>;
  /** Goes back to what it began with, or begins with something else. */
  reset(initial?: T): void;
}

export interface FormOptions<T> {
  initial: T;
  /** Throws what the gateway refused. */
  save: (values: T) => Promise<unknown>;
  /** What is wrong by path, before anything is sent. */
  check?: (values: T) => Record<string, string | undefined>;
}

/**
 * `const form = useForm({ initial: { name: "" }, save: (values) => call(api.clients.$post({ json: values })) })`
 * Another `initial` (by content) is taken over while nothing was changed.
 */
export function useForm<T extends object>({ initial, save, check }: FormOptions<T>): FormState<T> {
  const now = useRef({ save, check });
  now.current = { save, check };
  const form = useMemo(() => createForm(initial, now), []);
  const content = JSON.stringify(initial);
  useEffect(() => {
    if (!form.isDirty.peek()) form.reset(initial);
  }, [content]);
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent) => form.isDirty.peek() && event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, []);
  return form;
}

function createForm<T extends object>(
  initial: T,
  now: { current: Pick<FormOptions<T>, "save" | "check"> },
): FormState<T> {
  const began = signal(initial);
  const values = signal(initial);
  const busy = signal(false);
  const errors = signal<Record<string, string>>({});
  const shown = new Set<string>();
  const isDirty = computed(() => JSON.stringify(values.value) !== JSON.stringify(began.value));

  const form: FormState<T> = {
    values,
    isDirty,
    busy,
    errors,
    field(path) {
      shown.add(path);
      return {
        name: path,
        value: read(values.value, path.split(".")) as At<T, typeof path>,
        onValue: (value) => form.set(path, value),
        error: errors.value[path],
      };
    },
    set(path, value) {
      values.value = written(values.value, path.split("."), value) as T;
      const { [path]: _mended, ...others } = errors.value;
      errors.value = others;
    },
    reset(next = began.value) {
      began.value = next;
      values.value = next;
      errors.value = {};
    },
    async submit() {
      const sent = values.value;
      const wrong = Object.entries(now.current.check?.(sent) ?? {}).filter(([, told]) => told !== undefined);
      errors.value = Object.fromEntries(wrong) as Record<string, string>;
      if (wrong.length > 0) return false;
      busy.value = true;
      try {
        await now.current.save(sent);
        began.value = sent;
        return true;
      } catch (error) {
        const param = error instanceof ApiError ? error.param : undefined;
        const path = param &&
          [...shown].filter((path) => param === path || param.startsWith(`${path}.`)).sort().at(-1);
        errors.value = { [path || ""]: messageOf(error) };
        return false;
      } finally {
        busy.value = false;
      }
    },
  };
  return form;
}

function read(from: unknown, [name, ...rest]: string[]): unknown {
  return name === undefined ? from : read((from as Record<string, unknown> | undefined)?.[name], rest);
}

function written(into: unknown, [name, ...rest]: string[], value: unknown): unknown {
  if (name === undefined) return value;
  const object = (into ?? {}) as Record<string, unknown>;
  return { ...object, [name]: written(object[name], rest, value) };
}

/**
 * The form itself. With `bar` the buttons appear at the bottom as soon as something has changed; without, put a
 * `<Button type="submit" kind="primary" busy={form.busy.value}>` into it.
 */
export function Form<T extends object>(
  { form, bar, onSaved, children }: {
    form: FormState<T>;
    bar?: boolean;
    onSaved?: () => void;
    children: ComponentChildren;
  },
) {
  const t = partTexts();
  const submit = async () => {
    const isSaved = await form.submit();
    if (isSaved) onSaved?.();
    return isSaved;
  };
  return (
    <FormShell submit={submit}>
      {children}
      <FormError text={form.errors.value[""]} />
      {bar && form.isDirty.value && (
        <div class="form-bar">
          <p role="status">{t.unsaved}</p>
          <Button onClick={() => form.reset()} disabled={form.busy.value}>{t.discard}</Button>
          <Button type="submit" kind="primary" busy={form.busy.value}>{t.save}</Button>
        </div>
      )}
    </FormShell>
  );
}
