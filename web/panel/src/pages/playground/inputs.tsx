/** Images to work on: dropped, pasted, chosen, or taken from the gallery; and the mask of the first. */
import { useSignal } from "@preact/signals";
import { Brush, Images, X } from "lucide-preact";
import { api, call } from "../../api.ts";
import { Button, IconButton } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { DropZone } from "../../parts/drop_zone.tsx";
import { EndlessEnd, useEndless } from "../../parts/endless.tsx";
import { SearchBox } from "../../parts/search_box.tsx";
import { EmptyState } from "../../parts/states.tsx";
import { Thumbnail } from "../../parts/thumbnail.tsx";
import { tell, toast } from "../../parts/toasts.tsx";
import { storedAt, thumbnailOf } from "../../picture_links.ts";
import { change, draft, type Input } from "./draft.ts";
import { texts } from "./texts.ts";

/** A stored picture as an input: its bytes need not be sent. */
export function storedInput(name: string): Input {
  return { src: storedAt(name), thumbnail: thumbnailOf(name, 192) };
}

/** Adds images behind those that are there. */
export function addInputs(added: readonly Input[]): void {
  const { inputs } = draft.value;
  change({ inputs: [...inputs, ...added.filter(({ src }) => inputs.every((input) => input.src !== src))] });
}

async function addFiles(files: readonly File[]): Promise<void> {
  try {
    addInputs(await Promise.all(files.map(async (file) => ({ src: await readFile(file) }))));
  } catch (error) {
    toast.bad(error);
  }
}

function readFile(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** @param takesMask whether the model does */
export function Inputs({ takesMask }: { takesMask: boolean }) {
  const t = texts();
  const isChoosing = useSignal(false);
  const MaskDialog = useSignal<typeof import("./mask_dialog.tsx").MaskDialog>();
  const { inputs, mask } = draft.value;
  const isMaskable = inputs.length === 1 && takesMask;
  const paint = () => tell(async () => MaskDialog.value = (await import("./mask_dialog.tsx")).MaskDialog);
  return (
    <div class="stack tight">
      {inputs.length > 0 && (
        <ul class="playground-inputs">
          {inputs.map(({ src, thumbnail }, index) => (
            <li key={src}>
              <img src={thumbnail ?? src} alt={t.input(index + 1)} />
              {index === 0 && isMaskable && mask && <img class="mask" src={mask.src} alt="" />}
              <IconButton
                icon={X}
                small
                label={t.removeInput(index + 1)}
                onClick={() => change({ inputs: inputs.filter((input) => input.src !== src) })}
              />
            </li>
          ))}
        </ul>
      )}
      {isMaskable && (
        <div class="row">
          <Button small icon={Brush} onClick={paint}>
            {mask ? t.changeMask : t.paintMask}
          </Button>
          {mask && (
            <>
              <Button small kind="quiet" onClick={() => change({ mask: undefined })}>{t.removeMask}</Button>
              <span class="soft small">{t.masked}</span>
            </>
          )}
        </div>
      )}
      <div class={inputs.length > 0 ? "playground-drop small" : "playground-drop"}>
        <DropZone label={t.inputs} accept="image/*" multiple paste onFiles={addFiles}>
          {t.inputsHint}{" "}
          <Button small kind="quiet" icon={Images} onClick={() => isChoosing.value = true}>
            {t.fromGallery}
          </Button>
        </DropZone>
      </div>
      {isChoosing.value && (
        <GalleryDialog
          onChoose={(name) => {
            isChoosing.value = false;
            addInputs([storedInput(name)]);
          }}
          onClose={() => isChoosing.value = false}
        />
      )}
      {MaskDialog.value && inputs[0] && (
        <MaskDialog.value
          src={inputs[0].src}
          strokes={mask?.strokes ?? []}
          onMask={(mask) => {
            change({ mask });
            MaskDialog.value = undefined;
          }}
          onClose={() => MaskDialog.value = undefined}
        />
      )}
    </div>
  );
}

function GalleryDialog({ onChoose, onClose }: { onChoose: (name: string) => void; onClose: () => void }) {
  const t = texts();
  const q = useSignal("");
  const pictures = useEndless(async (after, signal) => {
    const query = { limit: "40", ...q.value && { q: q.value }, ...after && { after } };
    const page = await call(api.gallery.$get({ query }, { init: { signal } }));
    return Array.isArray(page) ? { data: [] } : page;
  }, { by: [q.value] });
  const items = pictures.items.value;
  return (
    <Dialog open size="wide" title={t.fromGallery} onClose={onClose}>
      <div class="stack">
        <SearchBox value={q.value} onSearch={(text) => q.value = text} />
        {items.length === 0 && !pictures.loading.value && !pictures.error.value && (
          <EmptyState icon={Images} title={t.noPictures} />
        )}
        <ul class="playground-choices">
          {items.map(({ name, prompt }) => (
            <li key={name}>
              <button type="button" title={prompt.slice(0, 300)} onClick={() => onChoose(name)}>
                <Thumbnail name={name} alt={prompt.slice(0, 200) || name} sizes="8rem" />
              </button>
            </li>
          ))}
        </ul>
        <EndlessEnd of={pictures} />
      </div>
    </Dialog>
  );
}
