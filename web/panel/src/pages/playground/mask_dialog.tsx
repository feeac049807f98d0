/** Paints the mask of an edit over its image, with mouse, finger, pen or keyboard. */
import { useSignal } from "@preact/signals";
import { Eraser, Trash2, Undo2 } from "lucide-preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button } from "../../parts/button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Note } from "../../parts/states.tsx";
import type { Mask, Stroke } from "./draft.ts";
import { texts } from "./texts.ts";

interface Point {
  x: number;
  y: number;
}

const STEPS: Record<string, Point> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};

/** `onMask` is given nothing where nothing is painted. Sizes of the brush are shares of the image's longer edge. */
export function MaskDialog({ src, strokes: before, onMask, onClose }: {
  src: string;
  strokes: readonly Stroke[];
  onMask: (mask: Mask | undefined) => void;
  onClose: () => void;
}) {
  const t = texts();
  const id = useId();
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = useSignal<{ width: number; height: number } | undefined>(undefined);
  const isBroken = useSignal(false);
  const strokes = useSignal<readonly Stroke[]>(before);
  const brush = useSignal(8);
  const erases = useSignal(false);
  const cursor = useSignal<Point | undefined>(undefined);
  const isPainting = useRef(false);
  const width = size.value ? brush.value / 100 * Math.max(size.value.width, size.value.height) : 0;

  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context) paint(context, strokes.value);
  }, [strokes.value, size.value]);

  const at = ({ clientX, clientY }: MouseEvent): Point => {
    const box = canvas.current!.getBoundingClientRect();
    const scale = size.value!.width / box.width;
    return { x: (clientX - box.left) * scale, y: (clientY - box.top) * scale };
  };
  const begin = (point: Point) => {
    isPainting.current = true;
    strokes.value = [...strokes.value, { points: [point], width, erases: erases.value }];
  };
  const goOn = (points: readonly Point[]) => {
    const last = strokes.value.at(-1);
    if (last) {
      strokes.value = [...strokes.value.slice(0, -1), { ...last, points: [...last.points, ...points] }];
    }
  };
  const undo = () => strokes.value = strokes.value.slice(0, -1);
  const onKeyDown = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    const { width: w, height: h } = size.value!;
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
    else if (event.key === " ") {
      const point = cursor.value ?? { x: w / 2, y: h / 2 };
      cursor.value = point;
      if (isPainting.current) isPainting.current = false;
      else begin(point);
    } else if (step) {
      const from = cursor.value ?? { x: w / 2, y: h / 2 };
      const reach = event.shiftKey ? width * 2 : width / 2;
      const to = {
        x: Math.min(w, Math.max(0, from.x + step.x * reach)),
        y: Math.min(h, Math.max(0, from.y + step.y * reach)),
      };
      cursor.value = to;
      if (isPainting.current) goOn([to]);
    } else return;
    event.preventDefault();
  };
  const finish = () => {
    const { width, height } = size.value!;
    const mask = maskOf(canvas.current!, width, height);
    onMask(mask === undefined ? undefined : { src: mask, strokes: [...strokes.value] });
  };

  const isEmpty = strokes.value.length === 0;
  return (
    <Dialog
      open
      size="wide"
      title={t.paintMask}
      onClose={onClose}
      footer={<Button kind="primary" disabled={!size.value} onClick={finish}>{t.useMask}</Button>}
    >
      <div class="stack tight">
        <p class="soft small" id={`${id}-hint`}>{t.maskHint}</p>
        <div class="row">
          <label class="row playground-brush">
            <span class="small">{t.brush}</span>
            <input
              type="range"
              min={1}
              max={30}
              value={brush.value}
              onInput={({ currentTarget }) => brush.value = currentTarget.valueAsNumber}
            />
          </label>
          <Button
            small
            icon={Eraser}
            aria-pressed={erases.value}
            onClick={() => erases.value = !erases.value}
          >
            {t.erase}
          </Button>
          <Button small icon={Undo2} disabled={isEmpty} onClick={undo}>{t.undo}</Button>
          <Button small icon={Trash2} disabled={isEmpty} onClick={() => strokes.value = []}>{t.clear}</Button>
        </div>
        {isBroken.value && <Note tone="bad">{t.imageFailed}</Note>}
        <div
          class="playground-mask"
          style={size.value && { "--ratio": size.value.width / size.value.height }}
        >
          <img
            src={src}
            alt=""
            onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) =>
              size.value = { width, height }}
            onError={() => isBroken.value = true}
          />
          {size.value && (
            <canvas
              ref={canvas}
              width={size.value.width}
              height={size.value.height}
              role="application"
              tabIndex={0}
              aria-label={t.maskCanvas}
              onPointerDown={(event) => {
                event.currentTarget.setPointerCapture(event.pointerId);
                if (event.button === 0) begin(at(event));
              }}
              onPointerMove={(event) => {
                cursor.value = at(event);
                if (isPainting.current && event.buttons > 0) goOn([at(event)]);
              }}
              onPointerUp={() => isPainting.current = false}
              onPointerCancel={() => isPainting.current = false}
              onPointerLeave={() => cursor.value = undefined}
              onKeyDown={onKeyDown}
            />
          )}
          {size.value && cursor.value && (
            <span
              class="playground-cursor"
              style={{
                left: `${cursor.value.x / size.value.width * 100}%`,
                top: `${cursor.value.y / size.value.height * 100}%`,
                width: `${width / size.value.width * 100}%`,
              }}
            />
          )}
        </div>
      </div>
    </Dialog>
  );
}

function paint(context: CanvasRenderingContext2D, strokes: readonly Stroke[]): void {
  const { width, height } = context.canvas;
  context.clearRect(0, 0, width, height);
  context.lineCap = context.lineJoin = "round";
  for (const { points, width, erases } of strokes) {
    context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    context.strokeStyle = "#e0245e";
    context.lineWidth = width;
    context.beginPath();
    const [first, ...rest] = points;
    context.moveTo(first!.x, first!.y);
    // A line of no length is a dot.
    for (const { x, y } of rest.length > 0 ? rest : points) context.lineTo(x, y);
    context.stroke();
  }
  context.globalCompositeOperation = "source-over";
}

/** White, and see-through where it is painted; nothing where nothing is. */
function maskOf(painted: HTMLCanvasElement, width: number, height: number): string | undefined {
  const pixels = painted.getContext("2d")!.getImageData(0, 0, width, height);
  const isPainted = pixels.data.some((value, index) => index % 4 === 3 && value > 0);
  if (!isPainted) return undefined;
  const mask = document.createElement("canvas");
  mask.width = width;
  mask.height = height;
  const context = mask.getContext("2d")!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "destination-out";
  context.drawImage(painted, 0, 0);
  return mask.toDataURL("image/png");
}
