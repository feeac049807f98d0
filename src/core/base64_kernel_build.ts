/**
 * Assembles `base64_kernel.wasm` from its text.
 *
 * deno task kernel
 */
import wabt from "wabt";

const TEXT = new URL("base64_kernel.wat", import.meta.url);
/** Where the assembled kernel is kept. */
export const KERNEL = new URL("base64_kernel.wasm", import.meta.url);

/** The kernel, assembled. @throws Error that names the line which is not WebAssembly */
export async function assembleKernel(): Promise<Uint8Array> {
  const { parseWat } = await wabt();
  const module = parseWat("base64_kernel.wat", await Deno.readTextFile(TEXT), { relaxed_simd: true });
  try {
    module.validate();
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

if (import.meta.main) await Deno.writeFile(KERNEL, await assembleKernel());
