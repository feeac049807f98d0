/** One picture of the gallery: a square that is there before its picture is. */
import type { ReadonlySignal } from "@preact/signals";
import { useComputed } from "@preact/signals";
import { Time } from "../../parts/signs.tsx";
import { Thumbnail } from "../../parts/thumbnail.tsx";
import type { Picture } from "./pictures.ts";
import { texts } from "./texts.ts";

/** `onTick` also hears whether all between this and the last one are meant. */
export function Tile({ picture: { name, prompt, provider, time, width, height }, ticked, onTick, onOpen }: {
  picture: Picture;
  ticked: ReadonlySignal<ReadonlySet<string>>;
  onTick: (name: string, isTicked: boolean, isRange: boolean) => void;
  onOpen: (name: string, isFirst: boolean) => void;
}) {
  const t = texts();
  const isTicked = useComputed(() => ticked.value.has(name));
  const isPicking = useComputed(() => ticked.value.size > 0);
  const words = prompt || t.untitled;
  const short = words.slice(0, 200);
  return (
    <li
      class="gallery-tile"
      data-selected={isTicked.value || undefined}
      data-picking={isPicking.value || undefined}
    >
      <button
        type="button"
        class="gallery-box"
        aria-label={t.open(short)}
        onClick={(event) =>
          event.shiftKey && isPicking.value ? onTick(name, !isTicked.value, true) : onOpen(name, true)}
      >
        <Thumbnail name={name} alt="" sizes="min(46vw, 15rem)" ratio={width / (height || 1)} />
      </button>
      <label class="gallery-tick">
        <input
          type="checkbox"
          class="tick"
          checked={isTicked.value}
          aria-label={t.select(short)}
          onClick={(event) => onTick(name, event.currentTarget.checked, event.shiftKey)}
        />
      </label>
      <p class="cut" title={words.slice(0, 1000)}>{words}</p>
      <p class="soft small cut">
        {provider} · <Time at={time} />
      </p>
    </li>
  );
}
