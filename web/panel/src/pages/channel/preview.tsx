/** Who would be asked for a request, in which order, and who not and why: the gateway's own plan, looked at. */
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { NumberField, TextField } from "../../parts/field.tsx";
import { Card } from "../../parts/page.tsx";
import { Badge, Duration, Money, Time } from "../../parts/signs.tsx";
import { Loaded, Note } from "../../parts/states.tsx";
import { api, call } from "../../api.ts";
import { formatShare } from "../../format.ts";
import { useResource } from "../../resource.ts";
import { type Task, TASKS } from "./channels.ts";
import { texts } from "./texts.ts";

const LEAST_INPUTS = { text: 0, edit: 1, blend: 2 } as const;

export function Preview({ task }: { task: Task }) {
  const t = texts();
  const model = useSignal("");
  const size = useSignal("");
  const inputs = useSignal<number | undefined>(LEAST_INPUTS[task]);
  const load = (signal: AbortSignal) =>
    planFor({
      task: TASKS[task],
      inputs: inputs.value ?? LEAST_INPUTS[task],
      model: model.value.trim() || undefined,
      size: size.value.trim() || undefined,
    }, signal);
  const plan = useResource(load, { on: ["settings", "keys", "health"] });
  const isOld = useRef(false);
  useEffect(() => {
    // What is shown stays until the new plan is there.
    if (isOld.current) plan.reload();
    isOld.current = true;
  }, [model.value, size.value, inputs.value]);
  return (
    <aside class="channel-preview">
      <Card title={t.preview}>
        <div class="stack">
          <p class="soft small">{t.previewLead}</p>
          <div class="channel-ask">
            <TextField
              label={t.model}
              placeholder="auto"
              value={model.value}
              onValue={(value) => model.value = value}
            />
            <TextField
              label={t.size}
              placeholder="1024x1024"
              value={size.value}
              onValue={(value) => size.value = value}
            />
            {task !== "text" && (
              <NumberField
                label={t.inputs}
                min={LEAST_INPUTS[task]}
                max={16}
                step={1}
                value={inputs.value}
                onValue={(value) => inputs.value = value}
              />
            )}
          </div>
          <Loaded from={plan}>{(found) => <Plan {...found} />}</Loaded>
        </div>
      </Card>
    </aside>
  );
}

interface Asked {
  task: typeof TASKS[Task];
  inputs: number;
  model?: string;
  size?: string;
}

function planFor(json: Asked, signal: AbortSignal) {
  return call(api.routing.preview.$post({ json: { ...json } }, { init: { signal } }));
}

function Plan({ strategy, steps, leftOut, error }: Awaited<ReturnType<typeof planFor>>) {
  const t = texts();
  return (
    <>
      {error && <Note tone="warn">{error.message}</Note>}
      {strategy !== "cascade" && <p class="small">{t.byStrategy(strategy)}</p>}
      <ol class="stack tight channel-plan" aria-label={t.preview}>
        {steps.map((step, index) => (
          <li key={`${step.provider} ${step.model}`} style={{ "--share": step.share }}>
            <div class="row apart">
              <span>
                <strong>{index + 1}. {step.provider}</strong>
              </span>
              {step.share > 0 && <span class="number">{t.firstBy(formatShare(step.share))}</span>}
            </div>
            <div class="cut mono small">{step.model}</div>
            <div class="row small soft">
              {step.size && <span>{step.size}</span>}
              <span>{t.keys(step.keys.ready, step.keys.total)}</span>
              {step.priceUsd !== undefined && <Money usd={step.priceUsd} />}
              {step.latencyMs !== undefined && <Duration ms={step.latencyMs} />}
            </div>
            {step.notes.map((note) => <div key={note} class="small soft">{note}</div>)}
            {step.skipped && (
              <div class="row small">
                <Badge tone="warn">{t.skipped}</Badge>
                <span>{step.skipped}</span>
                {step.backAt && (
                  <span>
                    {t.back} <Time at={step.backAt} />
                  </span>
                )}
              </div>
            )}
          </li>
        ))}
      </ol>
      {leftOut.length > 0 && (
        <details open={steps.length === 0}>
          <summary>{t.leftOut(leftOut.length)}</summary>
          <ul class="stack tight small channel-left">
            {leftOut.map(({ provider, reason }) => (
              <li key={provider}>
                <strong>{provider}</strong> <span class="soft">{t.reason(reason)}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
