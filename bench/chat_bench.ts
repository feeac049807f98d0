/** How long it takes to read a conversation with pictures, from the body on the wire to media. */
import { readBody } from "../src/http/v1/body.ts";
import { readMessages } from "../src/http/v1/chat_messages.ts";
import { toMedia } from "../src/http/v1/inputs.ts";
import { noisePng } from "./noise.ts";

const PICTURES = 10;
const LIMIT = 50 * 1024 * 1024;

const pictures = Array.from({ length: PICTURES }, () => ({
  type: "image_url",
  image_url: { url: `data:image/png;base64,${noisePng(750_000).toBase64()}` },
}));
const messages = [{ role: "user", content: [{ type: "text", text: "join these" }, ...pictures] }];
const body = JSON.stringify({ model: "auto", messages });
const options = {
  open: () => Promise.reject(new Error("nothing is to be opened here")),
  ownName: () => undefined,
  openOwn: () => Promise.resolve(undefined),
  refuseOwn: () => Promise.resolve(undefined),
};

const chat = { group: "a chat with ten data URIs of 1 MB" };
Deno.bench("its messages alone", chat, () => void readMessages(messages));
Deno.bench("from body to media", chat, async () => {
  const request = new Request("http://127.0.0.1/v1/chat/completions", { method: "POST", body });
  const { fields } = await readBody(request, LIMIT);
  const { images } = readMessages(fields.messages);
  await Promise.all(images.map(({ url }, index) => toMedia(url, `image ${index}`, options)));
});
