/** How long it takes to read a form with as many files as an edit may have. */
import { readBody } from "../src/http/v1/body.ts";
import { readInputs } from "../src/http/v1/inputs.ts";
import { noisePng } from "./noise.ts";

const FILES = 16;
const FILE_BYTES = 1_000_000;
const LIMIT = 50 * 1024 * 1024;

const form = new FormData();
form.append("model", "auto");
form.append("prompt", "join these");
for (let index = 0; index < FILES; index++) {
  form.append("image[]", new File([noisePng(FILE_BYTES)], `${index}.png`, { type: "image/png" }));
}
const encoded = new Response(form);
const headers = { "content-type": encoded.headers.get("content-type")! };
const body = await encoded.bytes();
const options = {
  open: () => Promise.reject(new Error("nothing is to be opened here")),
  ownName: () => undefined,
  openOwn: () => Promise.resolve(undefined),
  refuseOwn: () => Promise.resolve(undefined),
};

Deno.bench("from body to media", { group: "a form with 16 files of 1 MB" }, async () => {
  const request = new Request("http://127.0.0.1/v1/images/edits", { method: "POST", headers, body });
  await readInputs(await readBody(request, LIMIT), options);
});
