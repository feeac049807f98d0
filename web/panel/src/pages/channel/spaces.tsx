/** Addresses of Hugging Face Spaces by model: `hfModelMap`. */
import { Plus, Trash2 } from "lucide-preact";
import { Button, IconButton } from "../../parts/button.tsx";
import { TextField } from "../../parts/field.tsx";
import { Form } from "../../parts/form.tsx";
import { Card } from "../../parts/page.tsx";
import { Loaded } from "../../parts/states.tsx";
import { api, call } from "../../api.ts";
import { useResource } from "../../resource.ts";
import { saveSettings } from "./channels.ts";
import { type Shown, useSettingsForm } from "./stale.tsx";
import { texts } from "./texts.ts";

interface Space {
  model: string;
  main: string;
  backup: string;
}
interface Spaced {
  spaces: readonly Space[];
}

export function Spaces() {
  const found = useResource(readSpaces, { on: ["settings"] });
  return <Loaded from={found}>{(spaces) => <SpacesForm {...spaces} onSaved={found.reload} />}</Loaded>;
}

async function readSpaces(signal?: AbortSignal): Promise<Shown<Spaced>> {
  const reply = await api["runtime-config"].$get({}, { init: { signal } });
  const { hfModelMap = {} } = await call(reply);
  const given = Object.entries(hfModelMap as Record<string, { main?: string; backup?: string } | null>);
  const spaces = given.flatMap(([model, space]) =>
    space ? [{ model, main: space.main ?? "", backup: space.backup ?? "" }] : []
  );
  return { revision: reply.headers.get("etag") ?? "", values: { spaces } };
}

function SpacesForm({ revision, values, onSaved }: Shown<Spaced> & { onSaved: () => void }) {
  const t = texts();
  const form = useSettingsForm<Spaced>({
    shown: { revision, values },
    reread: readSpaces,
    check: ({ spaces }) => {
      const wrong = spaces.find(({ model, main }) => !model.trim() || !/^https?:\/\//.test(main.trim()));
      const names = new Set(spaces.map(({ model }) => model.trim()));
      return { "": wrong ? t.spaceNeeds : names.size < spaces.length ? t.spaceTwice : undefined };
    },
    save: ({ spaces }, before, revision) => {
      const gone = before.spaces.map(({ model }) => [model, null]);
      const sent = spaces.map(({ model, main, backup }) => [
        model.trim(),
        { main: main.trim(), backup: backup.trim() },
      ]);
      return saveSettings({ hfModelMap: Object.fromEntries([...gone, ...sent]) }, revision);
    },
    named: ({ spaces }) => Object.fromEntries(spaces.map(({ model, ...addresses }) => [model, addresses])),
    onSaved,
  });
  const { spaces } = form.values.value;
  const change = (index: number, part: Partial<Space>) =>
    form.set("spaces", spaces.with(index, { ...spaces[index]!, ...part }));
  return (
    <Form form={form} bar>
      <Card
        title={t.spaces}
        actions={
          <Button
            small
            icon={Plus}
            onClick={() => form.set("spaces", [...spaces, { model: "", main: "", backup: "" }])}
          >
            {t.addSpace}
          </Button>
        }
      >
        <div class="stack">
          <p class="soft small">{t.spacesLead}</p>
          {spaces.length === 0 && <p class="soft">{t.noSpaces}</p>}
          {spaces.map((space, index) => (
            <div key={index} class="channel-space" role="group" aria-label={space.model || t.newSpace}>
              <TextField
                label={t.model}
                placeholder="owner/model"
                value={space.model}
                onValue={(model) =>
                  change(index, { model })}
              />
              <TextField
                label={t.mainSpace}
                type="url"
                placeholder="https://owner-name.hf.space"
                value={space.main}
                onValue={(main) =>
                  change(index, { main })}
              />
              <TextField
                label={t.backupSpace}
                type="url"
                value={space.backup}
                onValue={(backup) =>
                  change(index, { backup })}
              />
              <IconButton
                icon={Trash2}
                label={t.removeSpace(space.model || t.newSpace)}
                onClick={() =>
                  form.set("spaces", spaces.toSpliced(index, 1))}
              />
            </div>
          ))}
        </div>
      </Card>
    </Form>
  );
}
