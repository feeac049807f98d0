/** One picture over the whole window: arrow keys and swipes go on, a click shows its own pixels. */
import { useSignal } from "@preact/signals";
import { ChevronLeft, ChevronRight, X, ZoomIn, ZoomOut } from "lucide-preact";
import { useEffect, useRef } from "preact/hooks";
import { api, call } from "../../api.ts";
import { formatNumber } from "../../format.ts";
import { IconButton } from "../../parts/button.tsx";
import type { Endless } from "../../parts/endless.tsx";
import { Loaded } from "../../parts/states.tsx";
import { thumbnailOf } from "../../picture_links.ts";
import { useResource } from "../../resource.ts";
import { About } from "./about.tsx";
import { type Picture, removePictures } from "./pictures.ts";
import { texts } from "./texts.ts";

const AHEAD = 5;
/** As far as a finger moves to mean it, in px. */
const SWIPE = 50;

/** `onShow` is told what is to be shown next, nothing = close; `onGone` what was removed. */
export function Lightbox({ name, pictures, onShow, onGone }: {
  name: string;
  pictures: Endless<Picture>;
  onShow: (name: string | undefined) => void;
  onGone: (name: string) => void;
}) {
  const t = texts();
  const dialog = useRef<HTMLDialogElement>(null);
  const isActual = useSignal(false);
  const items = pictures.items.value;
  const place = items.findIndex((picture) => picture.name === name);
  const found = useResource(
    (signal) => call(api.gallery[":name"].$get({ param: { name } }, { init: { signal } })),
    { by: [name] },
  );
  // What the listing knows is there at once; an address alone may also name a picture far down.
  const picture = items[place] ?? found.data.value;
  const before = place > 0 ? items[place - 1] : undefined;
  const after = place >= 0 ? items[place + 1] : undefined;
  const go = (to: Picture | undefined) => {
    if (!to) return;
    isActual.value = false;
    onShow(to.name);
  };
  useEffect(() => {
    dialog.current!.showModal();
    dialog.current!.focus();
    return () => dialog.current?.close();
  }, []);
  useEffect(() => {
    // What had the focus may have gone with the picture before.
    if (!dialog.current!.contains(document.activeElement)) dialog.current!.focus();
  });
  useEffect(() => {
    if (place >= 0 && place + AHEAD >= items.length) pictures.more();
    // Neighbours are fetched before somebody asks for them.
    for (const { url } of [before, after].filter((one) => one !== undefined)) new Image().src = url;
  }, [name, items.length]);
  const remove = async () => {
    const next = after ?? before;
    const [gone] = await removePictures([name]);
    if (gone === undefined) return;
    onShow(next?.name);
    onGone(gone);
  };
  return (
    <dialog
      ref={dialog}
      class="lightbox"
      tabIndex={-1}
      aria-label={picture?.prompt.slice(0, 200) || t.untitled}
      onCancel={(event) => {
        event.preventDefault();
        onShow(undefined);
      }}
      onKeyDown={({ key, altKey, ctrlKey, metaKey, target }) => {
        // With the pixels larger than the window, arrow keys move those.
        const isScrolling = isActual.value && (target as HTMLElement).matches(".actual");
        if (altKey || ctrlKey || metaKey || isScrolling) return;
        if (key === "ArrowLeft") go(before);
        if (key === "ArrowRight") go(after);
      }}
    >
      <div class="lightbox-stage">
        {picture && (
          <Stage
            key={name}
            picture={picture}
            isActual={isActual.value}
            onZoom={() => isActual.value = !isActual.value}
            onSwipe={(isOn) => go(isOn ? after : before)}
          />
        )}
        {before && (
          <span class="lightbox-step">
            <IconButton icon={ChevronLeft} label={t.previous} onClick={() => go(before)} />
          </span>
        )}
        {after && (
          <span class="lightbox-step on">
            <IconButton icon={ChevronRight} label={t.next} onClick={() => go(after)} />
          </span>
        )}
        <div class="lightbox-bar">
          {place >= 0 && (
            <span class="small number" role="status">
              {t.place(
                formatNumber(place + 1),
                formatNumber(items.length) + (pictures.hasMore.value ? "+" : ""),
              )}
            </span>
          )}
          <IconButton
            icon={isActual.value ? ZoomOut : ZoomIn}
            label={isActual.value ? t.fit : t.zoom}
            onClick={() => isActual.value = !isActual.value}
          />
          <IconButton icon={X} label={t.close} onClick={() => onShow(undefined)} />
        </div>
      </div>
      <section class="lightbox-panel" aria-label={t.details} tabIndex={0}>
        <Loaded from={found} lines={8}>{(picture) => <About picture={picture} onRemove={remove} />}</Loaded>
      </section>
    </dialog>
  );
}

function Stage({ picture: { name, url, prompt, width, height }, isActual, onZoom, onSwipe }: {
  picture: Picture;
  isActual: boolean;
  onZoom: () => void;
  onSwipe: (isOn: boolean) => void;
}) {
  const t = texts();
  const isGone = useSignal(false);
  const isHere = useSignal(false);
  const box = useRef<HTMLDivElement>(null);
  const start = useRef<{ x: number; y: number } | undefined>(undefined);
  /** What was clicked at, as shares of the picture: that comes to the middle. */
  const focus = useRef({ x: 0.5, y: 0.5 });
  useEffect(() => {
    const { scrollWidth, scrollHeight, clientWidth, clientHeight } = box.current!;
    if (!isActual) return;
    box.current!.focus();
    box.current!.scrollTo(
      focus.current.x * scrollWidth - clientWidth / 2,
      focus.current.y * scrollHeight - clientHeight / 2,
    );
    focus.current = { x: 0.5, y: 0.5 };
  }, [isActual]);
  return (
    <div
      ref={box}
      class={isActual ? "lightbox-scroll actual" : "lightbox-scroll"}
      tabIndex={isActual ? 0 : -1}
      onPointerDown={({ clientX, clientY, pointerType }) =>
        start.current = pointerType === "mouse" || isActual ? undefined : { x: clientX, y: clientY }}
      onPointerUp={({ clientX, clientY }) => {
        const { x, y } = start.current ?? { x: clientX, y: clientY };
        start.current = undefined;
        if (Math.abs(clientX - x) > SWIPE && Math.abs(clientX - x) > Math.abs(clientY - y)) {
          onSwipe(
            clientX < x,
          );
        }
      }}
    >
      {isGone.value ? <p class="lightbox-gone soft">{t.gone}</p> : (
        <img
          src={url}
          alt={prompt || t.untitled}
          width={width || undefined}
          height={height || undefined}
          draggable={false}
          style={{ backgroundImage: isHere.value ? "none" : `url("${thumbnailOf(name, 640)}")` }}
          onLoad={() => isHere.value = true}
          onError={() => isGone.value = true}
          onClick={({ offsetX, offsetY, currentTarget: { clientWidth, clientHeight } }) => {
            focus.current = { x: offsetX / clientWidth, y: offsetY / clientHeight };
            onZoom();
          }}
        />
      )}
    </div>
  );
}
