/** Everything that can be set, the owner's account, and who changed what. The chosen tab is in the address. */
import { useLocation } from "preact-iso";
import { PageHeader } from "../../parts/page.tsx";
import { Tabs } from "../../parts/tabs.tsx";
import { AccountTab } from "./account_tab.tsx";
import { AuditTab } from "./audit_tab.tsx";
import { SettingsTab } from "./settings_tab.tsx";
import { texts } from "./texts.ts";
import { TransferTab } from "./transfer_tab.tsx";
import "./page.css";

const TABS = { settings: SettingsTab, transfer: TransferTab, account: AccountTab, audit: AuditTab };
type TabId = keyof typeof TABS;
const IDS = Object.keys(TABS) as TabId[];

export default function SettingsPage() {
  const t = texts();
  const { query, route } = useLocation();
  const selected = IDS.find((id) => id === query.tab) ?? "settings";
  const Content = TABS[selected];
  return (
    <>
      <PageHeader title={t.title} lead={t.lead} />
      <Tabs
        label={t.title}
        tabs={IDS.map((id) => ({ id, label: t.tabs[id] }))}
        selected={selected}
        onSelect={(id) => route(id === "settings" ? "/setting" : `/setting?tab=${id}`, true)}
      >
        <Content key={selected} />
      </Tabs>
    </>
  );
}
