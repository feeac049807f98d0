/** The form of all settings: groups with an index beside them, a search, and one provider at a time. */
import { type Signal, useSignal } from "@preact/signals";
import { SearchX, TriangleAlert } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { Card } from "../../parts/page.tsx";
import { FilterBar, FilterSelect, SearchBox } from "../../parts/search_box.tsx";
import { EmptyState, Loaded, Note } from "../../parts/states.tsx";
import { type Resource, useResource } from "../../resource.ts";
import { createDraft, readForm, type SettingField, type SettingsForm } from "../../settings/draft.ts";
import { nameOf } from "../../settings/names.ts";
import { DraftForm } from "../../settings/save_bar.tsx";
import { Setting } from "../../settings/setting.tsx";
import { BucketTest, StorageUse } from "./storage_tools.tsx";
import { grouped, type GroupId, groupOf, type PartId, partOf, providerOf } from "./groups.ts";
import { texts } from "./texts.ts";

const draft = createDraft();

/** The tab of the settings themselves. */
export function SettingsTab() {
  const form = useResource(readForm, { on: ["settings"] });
  return <Loaded from={form} lines={12}>{(told) => <AllSettings form={form} told={told} />}</Loaded>;
}

function AllSettings({ form, told }: { form: Resource<SettingsForm>; told: SettingsForm }) {
  const t = texts();
  const q = useSignal("");
  const origin = useSignal("");
  const fields = told.fields.filter((field) => groupOf(field) !== undefined);
  const providers = [...new Set(fields.map(providerOf).filter((name) => name !== undefined))];
  const provider = useSignal(providers[0] ?? "");
  const found = grouped(
    fields.filter((field) =>
      (providerOf(field) ?? provider.value) === provider.value && isOf(field, origin.value) &&
      isFound(field, q.value)
    ),
  );
  const showWrong = ([path]: string[]) => {
    if (path === undefined) return;
    q.value = "";
    origin.value = "";
    provider.value = providerOf({ path }) ?? provider.value;
  };
  return (
    <DraftForm draft={draft} form={form} onRefused={showWrong}>
      {told.faults.length > 0 && (
        <Note tone="bad" icon={TriangleAlert}>
          {t.faulty}
          <ul>{told.faults.map((fault) => <li key={fault} class="mono">{fault}</li>)}</ul>
        </Note>
      )}
      <div class="settings">
        <Index ids={found.map(([id]) => id)} />
        <div class="stack">
          <FilterBar>
            <SearchBox label={t.search} value={q.value} onSearch={(text) => q.value = text} />
            <FilterSelect
              label={t.origin}
              all={t.origins.all}
              value={origin.value}
              onValue={(value) => origin.value = value}
              options={(["file", "environment", "changed"] as const).map((value) => ({
                value,
                label: t.origins[value],
              }))}
            />
          </FilterBar>
          {found.length === 0 && <EmptyState icon={SearchX} title={t.nothingFound}>{t.tryOther}</EmptyState>}
          {found.map(([id, own]) => (
            <div key={id} id={id} class="settings-group">
              <Card title={t.groups[id]}>
                <div class="stack">
                  {id === "providers" && <ProviderChoice names={providers} chosen={provider} />}
                  {id === "storage" && <StorageUse />}
                  {parted(own).map(([part, settings]) => (
                    <Part
                      key={part}
                      part={part}
                      isSought={q.value !== "" || origin.value !== "" ||
                        settings.some(({ path }) => draft.errors.value[path] !== undefined)}
                    >
                      {settings.map((field) => <Setting key={field.path} field={field} draft={draft} />)}
                    </Part>
                  ))}
                  {id === "storage" && <BucketTest fields={fields} draft={draft} />}
                </div>
              </Card>
            </div>
          ))}
          <p class="soft small">
            {t.elsewhere} <a href="/prompt-optimizer">{t.optimizer}</a>
          </p>
        </div>
      </div>
    </DraftForm>
  );
}

/** Tasks of a provider are closed until somebody looks for something in them. */
function Part(
  { part, isSought, children }: { part: PartId; isSought: boolean; children: ComponentChildren },
) {
  const t = texts();
  const list = <div class="setting-list">{children}</div>;
  if (part === "") return list;
  if (part === "s3") {
    return (
      <fieldset>
        <legend class="settings-part">{t.parts.s3}</legend>
        {list}
      </fieldset>
    );
  }
  return (
    <details class="settings-task" open={isSought}>
      <summary>{t.parts[part]}</summary>
      <div role="group" aria-label={t.parts[part]}>{list}</div>
    </details>
  );
}

/** Links to the groups; the one that is being read is marked. */
function Index({ ids }: { ids: readonly GroupId[] }) {
  const t = texts();
  const near = useSignal<string>();
  useEffect(() => {
    const seen = new Set<string>();
    const observer = new IntersectionObserver((entries) => {
      for (const { target: { id }, isIntersecting } of entries) {
        if (isIntersecting) seen.add(id);
        else seen.delete(id);
      }
      near.value = ids.find((id) => seen.has(id));
    }, { rootMargin: "-15% 0px -70% 0px" });
    for (const id of ids) observer.observe(document.getElementById(id)!);
    return () => observer.disconnect();
  }, [ids.join()]);
  return (
    <nav class="settings-index" aria-label={t.index}>
      {ids.map((id) => (
        <a key={id} href={`#${id}`} class="nav-link" aria-current={near.value === id ? "true" : undefined}>
          {t.groups[id]}
        </a>
      ))}
    </nav>
  );
}

function ProviderChoice({ names, chosen }: { names: readonly string[]; chosen: Signal<string> }) {
  const t = texts();
  return (
    <div class="row apart">
      <p class="soft">
        {t.providersHint} <a href="/channel">{t.channels}</a>
      </p>
      <select
        class="input settings-provider"
        aria-label={t.provider}
        onChange={({ currentTarget }) => chosen.value = currentTarget.value}
      >
        {names.map((name) => <option key={name} value={name} selected={name === chosen.value}>{name}
        </option>)}
      </select>
    </div>
  );
}

function parted(fields: readonly SettingField[]) {
  return [...Map.groupBy(fields, partOf)];
}

function isOf({ path, origin }: SettingField, wanted: string): boolean {
  return wanted === "" || (wanted === "changed" ? draft.changes.value.has(path) : origin === wanted);
}

/** All words are somewhere in its names, its path or its variables. */
function isFound(field: SettingField, q: string): boolean {
  const { title, description } = nameOf(field);
  const { path, variables, title: english } = field;
  const text = [title, description, path, english, ...variables].join(" ").toLowerCase();
  return q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
