/** Where the panel begins. */
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./app.tsx";
import { language } from "./i18n.ts";
import { followGateway } from "./live.ts";

effect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
});
followGateway();
render(<App />, document.getElementById("app")!);
