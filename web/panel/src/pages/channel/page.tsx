/** Channels: which service is asked for which task, in which order, and with what. */
import { useLocation } from "preact-iso";
import { PageHeader } from "../../parts/page.tsx";
import { Loaded } from "../../parts/states.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { useResource } from "../../resource.ts";
import { readChannels } from "./channels.ts";
import { Order } from "./order.tsx";
import { ProviderView } from "./provider.tsx";
import { Rules } from "./rules.tsx";
import { Spaces } from "./spaces.tsx";
import { texts } from "./texts.ts";
import "./page.css";

const TABS = ["text", "edit", "blend", "rules", "spaces"] as const;

export default function ChannelPage() {
  const t = texts();
  const { query, route } = useLocation();
  const channels = useResource(readChannels, { on: ["settings", "keys", "health"] });
  const tab = TABS.find((id) => id === query.tab) ?? "text";
  if (query.provider) {
    return (
      <Loaded from={channels} lines={10}>
        {(found) => (
          <ProviderView
            key={query.provider}
            name={query.provider!}
            channels={found}
            back={`/channel?tab=${tab}`}
            onSaved={channels.reload}
          />
        )}
      </Loaded>
    );
  }
  return (
    <>
      <PageHeader title={t.title} lead={t.lead} />
      <Tabs
        label={t.title}
        tabs={TABS.map((id) => ({ id, label: t.tabs[id] }))}
        selected={tab}
        onSelect={(id) => route(`/channel?tab=${id}`, true)}
      >
        {tab === "rules" ? <Rules /> : tab === "spaces" ? <Spaces /> : (
          <Loaded from={channels} lines={8}>
            {(found) => <Order key={tab} task={tab} channels={found} onSaved={channels.reload} />}
          </Loaded>
        )}
      </Tabs>
    </>
  );
}
