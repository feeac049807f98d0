/** Shows the draft as code. */
import { useSignal } from "@preact/signals";
import { CopyButton } from "../../parts/copy_button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { type CodeLanguage, codeOf, LANGUAGES } from "./code.ts";
import type { ImagesRequest } from "./draft.ts";
import { texts } from "./texts.ts";

export function CodeDialog({ request, onClose }: { request: ImagesRequest; onClose: () => void }) {
  const t = texts();
  const language = useSignal<CodeLanguage>("curl");
  const code = codeOf(language.value, request, location.origin);
  return (
    <Dialog open size="wide" title={t.codeTitle} onClose={onClose}>
      <Tabs
        label={t.codeTitle}
        tabs={(Object.keys(LANGUAGES) as CodeLanguage[]).map((id) => ({ id, label: LANGUAGES[id] }))}
        selected={language.value}
        onSelect={(id) => language.value = id}
      >
        <div class="stack tight">
          <pre tabIndex={0}><code>{code}</code></pre>
          <div class="row apart">
            <p class="soft small">{t.codeHint} {request.inputs.length > 0 && t.codeInputs}</p>
            <CopyButton key={code} text={code} label={t.code} />
          </div>
        </div>
      </Tabs>
    </Dialog>
  );
}
