/** Five seconds of looking: are images being made, what do they cost, what is ill and why, and when is it back. */
import { useSignal } from "@preact/signals";
import { api, call } from "../../api.ts";
import { remember, remembered } from "../../memory.ts";
import { PageHeader } from "../../parts/page.tsx";
import { Loaded } from "../../parts/states.tsx";
import { useResource } from "../../resource.ts";
import { Failures } from "./failures.tsx";
import { Figures } from "./figures.tsx";
import { Illnesses } from "./illnesses.tsx";
import { LatestLog } from "./latest_log.tsx";
import { OverTime } from "./over_time.tsx";
import { type Overview, stepsOf } from "./overview.ts";
import { Start } from "./start.tsx";
import { Storage } from "./storage.tsx";
import { texts } from "./texts.ts";
import { VerdictNote } from "./verdict.tsx";
import "./page.css";

/** Figures of the last minute and hour fall by themselves. */
const EVERY = 10_000;
/** A busy gateway has news all the time. */
const GATHER = 1500;

export default function DashboardPage() {
  const t = texts();
  const overview = useResource((signal) => call(api.overview.$get({}, { init: { signal } })), {
    on: ["stats", "health", "keys", "settings", "pictures"],
    every: EVERY,
    gather: GATHER,
  });
  return (
    <>
      <PageHeader title={t.title} />
      <div class="stack">
        <Loaded from={overview} lines={10}>{(found) => <Board {...found} />}</Loaded>
      </div>
    </>
  );
}

function Board(overview: Overview) {
  const isHidden = useSignal(remembered("start") === "hidden");
  const steps = stepsOf(overview);
  const isDone = steps.picture && steps.keys && steps.client;
  const isNew = !steps.picture && !isDone;
  const start = !isDone && !isHidden.value && (
    <Start
      steps={steps}
      onHide={() => {
        remember("start", "hidden");
        isHidden.value = true;
      }}
    />
  );
  if (isNew && start) {
    return (
      <>
        {start}
        <LatestLog />
      </>
    );
  }
  return (
    <>
      <VerdictNote {...overview} />
      <Figures {...overview} />
      {start}
      <div class="dash-columns">
        <div class="stack">
          <Illnesses {...overview} />
          <Failures {...overview} />
          <Storage {...overview.storage} />
        </div>
        <div class="stack">
          <OverTime />
          <LatestLog />
        </div>
      </div>
    </>
  );
}
