/** A stored picture, small: the browser takes the width that it needs, and not before it comes into view. */
import { thumbnailOf } from "../picture_links.ts";

const WIDTHS = [192, 320, 480, 640, 960, 1280];

/** `<Thumbnail name={picture.name} alt={picture.prompt} />` fills its box, whose shape does not depend on it. */
export function Thumbnail({ name, alt, sizes = "12rem", ratio = 1 }: {
  name: string;
  alt: string;
  /** How wide its box is, as a CSS length. */
  sizes?: string;
  /** Width by height of the picture: of a wide one a square shows only the middle, and so needs more pixels. */
  ratio?: number;
}) {
  return (
    <img
      class="thumbnail"
      loading="lazy"
      decoding="async"
      sizes={ratio > 1 ? `calc(${ratio.toFixed(2)} * ${sizes})` : sizes}
      srcset={WIDTHS.map((width) => `${thumbnailOf(name, width)} ${width}w`).join(", ")}
      src={thumbnailOf(name, 320)}
      alt={alt}
    />
  );
}
