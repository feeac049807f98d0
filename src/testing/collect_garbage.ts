/** What a program loses that holds on to too little, at a moment that a test chooses. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Removes everything that nobody holds. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  for (let turn = 0; turn < 3; turn++) {
    collect();
    // What becomes of weak references is settled between two turns of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
