/** What can be set of a client. */
import { ListField, NumberField, TextField } from "../../parts/field.tsx";
import type { FormState } from "../../parts/form.tsx";
import { useResource } from "../../resource.ts";
import { type Draft, readChoices } from "./clients.ts";
import { texts } from "./texts.ts";

export function ClientFields({ form, isNew }: { form: FormState<Draft>; isNew?: boolean }) {
  const t = texts();
  const choices = useResource(readChoices);
  const { models = [], providers = [] } = choices.data.value ?? {};
  return (
    <>
      <TextField
        label={t.name}
        hint={t.nameHint}
        required
        maxLength={100}
        autofocus={isNew}
        {...form.field("name")}
      />
      <fieldset class="stack tight">
        <legend>{t.limits}</legend>
        <p class="soft small">{t.limitsHint}</p>
        <div class="clients-limits">
          <NumberField label={t.requestsPerMinute} min={1} step={1} {...form.field("requestsPerMinute")} />
          <NumberField label={t.imagesPerDay} min={1} step={1} {...form.field("imagesPerDay")} />
          <NumberField label={t.imagesPerMonth} min={1} step={1} {...form.field("imagesPerMonth")} />
          <NumberField label={t.usdPerDay} min={0} {...form.field("usdPerDay")} />
          <NumberField label={t.usdPerMonth} min={0} {...form.field("usdPerMonth")} />
          <TextField label={t.expiresAt} type="datetime-local" {...form.field("expiresAt")} />
        </div>
      </fieldset>
      <div class="clients-allowed">
        <ListField label={t.models} hint={t.allHint} suggestions={models} {...form.field("models")} />
        <ListField
          label={t.providers}
          hint={t.allHint}
          suggestions={providers}
          {...form.field("providers")}
        />
      </div>
    </>
  );
}
