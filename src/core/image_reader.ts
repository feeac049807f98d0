/** Those who are given an image piece by piece, in the form each of them wants. */
import { Base64Encoder } from "./base64.ts";
import type { Piece, Pieces } from "./buffers.ts";

/** How bytes are written: as they are, or as base64 text. */
export type Encoding = "bytes" | "base64";

/** Somebody who wants the image. */
export interface Tap {
  readonly encoding: Encoding;
  /**
   * Takes the next piece and releases it when done. Resolves when there is room for more.
   * One that rejects gets nothing more; the others go on.
   */
  write(piece: Piece): Promise<void> | void;
  /** Hears that it is complete, or why it never will be. */
  end(failure?: { error: unknown }): Promise<void> | void;
}

/** A tap, and how far it is. */
export class ImageReader {
  #given = 0;
  #hasLeft = false;

  constructor(readonly tap: Tap) {}

  /** Whether it refused a piece, and so gets nothing more. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** From which byte of the image on it lacks something. */
  get next(): number {
    return this.tap.encoding === "base64" ? Math.floor(this.#given / 4) * 3 : this.#given;
  }

  /** Gives it pieces, each as one more use of it. Resolves when there is room for more; never rejects. */
  give(pieces: readonly Piece[]): Promise<void> | void {
    const writes: Promise<void>[] = [];
    for (const piece of pieces) {
      this.#given += piece.bytes.length;
      try {
        const written = this.tap.write(piece.retain());
        if (written) writes.push(written);
      } catch {
        this.#hasLeft = true;
        break;
      }
    }
    if (writes.length > 0) return Promise.all(writes).then(() => {}, () => void (this.#hasLeft = true));
  }

  /** Gives it the rest of the image, bytes that begin at `next`, at its own pace. @throws what reading them throws */
  async giveRest(rest: Pieces): Promise<void> {
    const convert = this.tap.encoding === "base64" ? new Base64Encoder() : undefined;
    // Of a group of four that was cut it has the beginning.
    let had = convert ? this.#given % 4 : 0;
    const give = async (pieces: readonly Piece[]) => {
      for (const piece of pieces) {
        const missing = piece.part(had);
        had = 0;
        if (!this.#hasLeft) await this.give([missing]);
        missing.release();
      }
    };
    try {
      for (let piece = await rest.next(); piece; piece = await rest.next()) {
        const parts = convert?.push(piece.bytes) ?? [piece];
        if (convert) piece.release();
        await give(parts);
        if (this.#hasLeft) return rest.cancel();
      }
      const last = convert?.end();
      if (last) await give([last]);
    } catch (error) {
      rest.cancel(error);
      await this.tap.end({ error });
      throw error;
    }
    await this.tap.end();
  }
}
