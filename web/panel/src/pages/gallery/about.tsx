/** All that is known of one picture, and what can be done with it. */
import { Download, ImagePlus, RotateCcw, Trash2 } from "lucide-preact";
import { formatMoney } from "../../format.ts";
import { Button, LinkButton } from "../../parts/button.tsx";
import { CopyButton } from "../../parts/copy_button.tsx";
import { Fact, Facts } from "../../parts/page.tsx";
import { Badge, Bytes, Money, Time } from "../../parts/signs.tsx";
import { downloadOf, linkOf } from "../../picture_links.ts";
import type { Picture } from "./pictures.ts";
import { taskName, texts } from "./texts.ts";

interface Full extends Picture {
  hash: string | null;
  rerun: { body: Record<string, unknown> } | null;
}

/** What is told by itself. */
const SHOWN = ["prompt", "model", "provider", "seed"];

/** The panel beside a picture. */
export function About({ picture, onRemove }: { picture: Full; onRemove: () => void }) {
  const t = texts();
  const { name, prompt, revisedPrompt, width, height, type, bytes, seed, costUsd, requestId, rerun } =
    picture;
  const asked = Object.entries(rerun?.body ?? {}).filter(([field]) => !SHOWN.includes(field));
  return (
    <div class="stack">
      <div class="stack tight">
        <div class="row apart">
          <h2>{t.prompt}</h2>
          {prompt && <CopyButton text={prompt} small />}
        </div>
        <p class="lightbox-prompt" tabIndex={prompt.length > 400 ? 0 : undefined}>{prompt || t.untitled}</p>
        {revisedPrompt && revisedPrompt !== prompt && (
          <details>
            <summary>{t.revised}</summary>
            <p class="lightbox-prompt small">{revisedPrompt}</p>
          </details>
        )}
      </div>
      <div class="row">
        <LinkButton
          kind="primary"
          href={`/playground?from=${encodeURIComponent(name)}`}
          icon={RotateCcw}
        >
          {t.again}
        </LinkButton>
        <LinkButton href={`/playground?input=${encodeURIComponent(name)}`} icon={ImagePlus}>
          {t.useAsInput}
        </LinkButton>
        <LinkButton href={downloadOf(name)} download icon={Download}>{t.download}</LinkButton>
        <CopyButton text={linkOf(picture)} label={t.copyLink} />
        <Button kind="danger" icon={Trash2} onClick={onRemove}>{t.remove}</Button>
      </div>
      <Facts>
        <Fact name={t.model}>{picture.model}</Fact>
        <Fact name={t.provider}>{picture.provider}</Fact>
        <Fact name={t.task}>{taskName(picture.task)}</Fact>
        <Fact name={t.size}>
          {width > 0 && `${width} × ${height}, `}
          {type.replace("image/", "")}, <Bytes of={bytes} />
        </Fact>
        {seed !== undefined && (
          <Fact name={t.seed}>
            <span class="number">{seed}</span>
          </Fact>
        )}
        <Fact name={t.cost}>{costUsd === undefined ? <Money usd={costUsd} /> : formatMoney(costUsd)}</Fact>
        <Fact name={t.client}>{picture.client || "–"}</Fact>
        <Fact name={t.made}>
          <Time at={picture.time} exact />
        </Fact>
        {requestId && (
          <Fact name={t.request}>
            <a class="mono" href={`/requests?id=${encodeURIComponent(requestId)}`}>{requestId}</a>
          </Fact>
        )}
        <Fact name={t.stored}>
          <span class="row">
            {picture.onDisk && <Badge>{t.storedOn.disk}</Badge>}
            {picture.inBucket && <Badge tone="good">{t.storedOn.bucket}</Badge>}
            {picture.uploadPending && <Badge tone="warn">{t.storedOn.pending}</Badge>}
          </span>
        </Fact>
        {picture.hash && (
          <Fact name={t.hash}>
            <span class="mono small">{picture.hash}</span>
          </Fact>
        )}
      </Facts>
      {asked.length > 0 && (
        <div class="stack tight">
          <h3>{t.given}</h3>
          <Facts>
            {asked.map(([field, value]) => (
              <Fact key={field} name={field}>
                {typeof value === "object" ? JSON.stringify(value) : String(value)}
              </Fact>
            ))}
          </Facts>
        </div>
      )}
    </div>
  );
}
