/** Whether a provider answers: by a question that buys nothing, or by a picture, after a warning. */
import { useSignal } from "@preact/signals";
import { ImagePlus, PlugZap } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { Button } from "../../parts/button.tsx";
import { confirm, Dialog } from "../../parts/dialog.tsx";
import { Card, Fact, Facts } from "../../parts/page.tsx";
import { Duration, Money } from "../../parts/signs.tsx";
import { Note } from "../../parts/states.tsx";
import { api, apiFetch, call } from "../../api.ts";
import { formatMoney } from "../../format.ts";
import { messageOf } from "../../resource.ts";
import type { Provider } from "./channels.ts";
import { texts } from "./texts.ts";

const PROMPT = "A small paper boat on calm water at dawn";

interface Picture {
  src: string;
  ms: number;
  model: string;
  usd?: number;
}

export function Tries({ provider: { name, tasks, models } }: { provider: Provider }) {
  const t = texts();
  const running = useSignal<"" | "test" | "picture">("");
  const told = useSignal<{ ok: boolean; text: string } | undefined>(undefined);
  const picture = useSignal<Picture | undefined>(undefined);
  const left = useRef(new AbortController());
  useEffect(() => () => left.current.abort(), []);

  const run = async (what: "test" | "picture", work: (signal: AbortSignal) => Promise<void>) => {
    const { signal } = left.current;
    running.value = what;
    told.value = undefined;
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted) told.value = { ok: false, text: messageOf(error) };
    }
    running.value = "";
  };
  const test = () =>
    run("test", async (signal) => {
      const answer = api.providers[":name"].test.$post({ param: { name }, json: {} }, { init: { signal } });
      const { ok, ms, reason } = await call(answer);
      told.value = {
        ok,
        text: ok ? [t.answered(ms), reason].filter(Boolean).join(" ") : reason ?? t.noAnswer,
      };
    });
  const buy = async () => {
    const usd = models.find(({ id }) => id === tasks.text.usedModel)?.priceUsd;
    const body = usd === undefined ? t.mayCost : usd === 0 ? t.costsNothing : t.costs(formatMoney(usd));
    if (!await confirm({ title: t.makePictureAsk(name), body: <p>{body}</p>, action: t.makePicture })) return;
    await run("picture", async (signal) => {
      picture.value = await paint(name, signal);
    });
  };
  const shown = picture.value;
  return (
    <Card title={t.try}>
      <div class="stack">
        <div class="row">
          <Button
            icon={PlugZap}
            busy={running.value === "test"}
            disabled={running.value !== ""}
            onClick={test}
          >
            {t.test}
          </Button>
          <Button
            icon={ImagePlus}
            busy={running.value === "picture"}
            disabled={running.value !== "" || !tasks.text.usedModel}
            onClick={buy}
          >
            {t.makePicture}
          </Button>
        </div>
        <p class="soft small">{t.testLead}</p>
        <div role="status">
          {told.value && <Note tone={told.value.ok ? "good" : "bad"}>{told.value.text}</Note>}
        </div>
      </div>
      <Dialog open={shown !== undefined} title={t.pictureOf(name)} onClose={() => picture.value = undefined}>
        {shown && (
          <div class="stack">
            <img class="channel-picture" src={shown.src} alt={PROMPT} />
            <Facts>
              <Fact name={t.model}>
                <span class="mono">{shown.model}</span>
              </Fact>
              <Fact name={t.took}>
                <Duration ms={shown.ms} />
              </Fact>
              <Fact name={t.cost}>
                <Money usd={shown.usd} />
              </Fact>
            </Facts>
          </div>
        )}
      </Dialog>
    </Card>
  );
}

async function paint(provider: string, signal: AbortSignal): Promise<Picture> {
  const startedAt = performance.now();
  const reply = await apiFetch("/api/playground/images/generations", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ provider, prompt: PROMPT, n: 1, response_format: "b64_json" }),
    signal,
  });
  const { data: [image], output_format: format = "png" }: {
    data: { b64_json: string }[];
    output_format?: string;
  } = await reply.json();
  const cost = reply.headers.get("x-imgrouter-cost-usd");
  return {
    src: `data:image/${format};base64,${image!.b64_json}`,
    ms: performance.now() - startedAt,
    model: reply.headers.get("x-imgrouter-model") ?? "",
    usd: cost === null ? undefined : Number(cost),
  };
}
