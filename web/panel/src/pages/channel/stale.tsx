/** Saves that somebody else was quicker than: what changed is told, and whoever typed decides. */
import { useEffect, useRef } from "preact/hooks";
import { ApiError } from "../../api.ts";
import { confirm } from "../../parts/dialog.tsx";
import { type FormOptions, type FormState, useForm } from "../../parts/form.tsx";
import { toast } from "../../parts/toasts.tsx";
import { texts } from "./texts.ts";

/** Values, as they were at a revision of the settings. */
export interface Shown<T> {
  revision: string;
  values: T;
}

/** How a form over settings saves. */
export interface SettingsFormOptions<T> extends Pick<FormOptions<T>, "check"> {
  shown: Shown<T>;
  reread: () => Promise<Shown<T>>;
  /** Saves what differs from `before`, for a revision. */
  save: (values: T, before: T, revision: string) => Promise<unknown>;
  /** The values with names to tell them by. */
  named?: (values: T) => object;
  onSaved: () => void;
}

/** A form over settings, which is saved for what was shown when somebody began to type. */
export function useSettingsForm<T extends object>(
  { shown, reread, save, named = (values) => values, check, onSaved }: SettingsFormOptions<T>,
): FormState<T> {
  const began = useRef(shown);
  /** What was saved here, and what the page goes on showing until it has read that. */
  const saved = useRef<{ now: Shown<T>; old: string } | undefined>(undefined);
  const form = useForm({
    initial: shown.values,
    check,
    save: async (values) => {
      const before = began.current.values;
      const plain = ({ revision, values }: Shown<T>) => ({ revision, values: named(values) });
      await saveOver({
        shown: plain(began.current),
        reread: async () => plain(await reread()),
        save: (revision) => save(values, before, revision),
      });
      saved.current = { now: await reread(), old: shown.revision };
      toast.good(texts().saved);
      onSaved();
    },
  });
  const latest = saved.current?.old === shown.revision ? saved.current.now : shown;
  useEffect(() => {
    if (form.isDirty.peek()) return;
    began.current = latest;
    form.reset(latest.values);
  }, [latest.revision, form.busy.value]);
  return form;
}

/**
 * Saves what was changed since `shown`. Where somebody saved in between, it is saved as well if that was
 * something else, and otherwise after a question that tells what it was.
 * @param options.nameOf what a path of the values is called, if not as its field is
 * @throws ApiError · Error where the answer was no
 */
export async function saveOver<T extends object>({ shown, reread, save, nameOf = fieldName }: {
  shown: Shown<T>;
  reread: () => Promise<Shown<T>>;
  save: (revision: string) => Promise<unknown>;
  nameOf?: (path: string) => string;
}): Promise<void> {
  try {
    await save(shown.revision);
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 412)) throw error;
    const now = await reread();
    const changes = differences(shown.values, now.values);
    const t = texts();
    const isAgreed = changes.length === 0 || await confirm({
      title: t.stale,
      action: t.saveMine,
      body: (
        <div class="stack">
          <p>{t.staleLead}</p>
          <ul class="stack tight channel-changes">
            {changes.map(({ path, before, after }) => (
              <li key={path}>
                <strong>{nameOf(path)}</strong> {before || "–"} → {after || "–"}
              </li>
            ))}
          </ul>
        </div>
      ),
    });
    if (!isAgreed) throw new Error(t.notSaved);
    await save(now.revision);
  }
}

/** A setting as its field is called; ids of models hold dots of their own. */
function fieldName(path: string): string {
  const t = texts();
  const names: Record<string, string> = {
    ...t.tabs,
    weight: t.weight,
    modelMap: t.alias,
    model: t.model,
    size: t.size,
    quality: t.quality,
    n: t.images,
    steps: t.stepsWord,
    baseUrl: t.baseUrl,
    maxConcurrent: t.maxConcurrent,
    requestsPerMinute: t.perMinute,
    requestsPerDay: t.perDay,
    timeout: t.timeout,
    prices: t.price,
    hidden: t.hidden,
    routing: t.tabs.rules,
    strategy: t.strategy,
    unknownModel: t.unknownModel,
    maxRetries: t.maxRetries,
    retryDelay: t.retryDelay,
  };
  const [first = "", ...rest] = path.split(".");
  const last = rest.join(".");
  return [names[first] ?? first, names[last] ?? last].filter(Boolean).join(" · ");
}

/** What differs between two values, by path, as text. */
function differences(
  before: unknown,
  after: unknown,
  path = "",
): { path: string; before: string; after: string }[] {
  if (isTree(before) || isTree(after)) {
    const [left, right] = [before ?? {}, after ?? {}] as [Record<string, unknown>, Record<string, unknown>];
    return [...new Set([...Object.keys(left), ...Object.keys(right)])].flatMap((name) =>
      differences(left[name], right[name], path ? `${path}.${name}` : name)
    );
  }
  return String(before ?? "") === String(after ?? "")
    ? []
    : [{ path, before: String(before ?? ""), after: String(after ?? "") }];
}

function isTree(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
