/** The owner: password, the session, and tokens for scripts. */
import { useSignal } from "@preact/signals";
import { Info, KeyRound, LogOut, Plus, Trash2 } from "lucide-preact";
import { api, call } from "../../api.ts";
import { Button, IconButton } from "../../parts/button.tsx";
import { CopyButton } from "../../parts/copy_button.tsx";
import { DataTable } from "../../parts/data_table.tsx";
import { confirm, Dialog } from "../../parts/dialog.tsx";
import { TextField } from "../../parts/field.tsx";
import { Form, useForm } from "../../parts/form.tsx";
import { Card, Fact, Facts } from "../../parts/page.tsx";
import { Time } from "../../parts/signs.tsx";
import { EmptyState, Loaded, Note } from "../../parts/states.tsx";
import { tell, toast } from "../../parts/toasts.tsx";
import { type Resource, useResource } from "../../resource.ts";
import { logOut } from "../../session.ts";
import { texts } from "./texts.ts";

const SHORTEST_PASSWORD = 12;

/** The tab of the account. */
export function AccountTab() {
  return (
    <div class="stack settings-account">
      <div class="grid settings-transfer">
        <PasswordCard />
        <SessionCard />
      </div>
      <TokensCard />
    </div>
  );
}

function readSession(signal: AbortSignal) {
  return call(api.auth.session.$get({}, { init: { signal } }));
}

function PasswordCard() {
  const t = texts();
  const session = useResource(readSession);
  return (
    <Card title={t.changePassword}>
      <Loaded from={session}>
        {({ passwordFixed }) => passwordFixed ? <Note icon={Info}>{t.passwordFixed}</Note> : <PasswordForm />}
      </Loaded>
    </Card>
  );
}

function PasswordForm() {
  const t = texts();
  const form = useForm({
    initial: { old: "", new: "", again: "" },
    check: (values) => ({
      old: values.old === "" ? t.passwordNeeded : undefined,
      new: values.new.length < SHORTEST_PASSWORD ? t.passwordShort(SHORTEST_PASSWORD) : undefined,
      again: values.again === values.new ? undefined : t.notTheSame,
    }),
    save: (values) => call(api.auth.password.$post({ json: { old: values.old, new: values.new } })),
  });
  const done = () => {
    form.reset({ old: "", new: "", again: "" });
    toast.good(t.passwordChanged);
  };
  return (
    <Form form={form} onSaved={done}>
      <input type="text" name="username" autocomplete="username" value="admin" hidden readOnly />
      <TextField
        label={t.oldPassword}
        type="password"
        autocomplete="current-password"
        {...form.field("old")}
      />
      <TextField
        label={t.newPassword}
        hint={t.passwordHint(SHORTEST_PASSWORD)}
        type="password"
        autocomplete="new-password"
        {...form.field("new")}
      />
      <TextField label={t.again} type="password" autocomplete="new-password" {...form.field("again")} />
      <div class="row">
        <Button type="submit" kind="primary" busy={form.busy.value} disabled={!form.isDirty.value}>
          {t.changePassword}
        </Button>
      </div>
    </Form>
  );
}

function SessionCard() {
  const t = texts();
  const session = useResource(readSession);
  return (
    <Card title={t.session}>
      <div class="stack">
        <Facts>
          <Fact name={t.sessionEnds}>
            <Time at={session.data.value?.expiresAt} exact />
          </Fact>
        </Facts>
        <p class="soft">{t.sessionHint}</p>
        <div class="row">
          <Button icon={LogOut} onClick={() => tell(logOut)}>{t.logOut}</Button>
        </div>
      </div>
    </Card>
  );
}

function readTokens(signal: AbortSignal) {
  return call(api.auth.tokens.$get({}, { init: { signal } }));
}
type Tokens = Awaited<ReturnType<typeof readTokens>>;

function TokensCard() {
  const t = texts();
  const tokens = useResource(readTokens);
  const isOpen = useSignal(false);
  const isEmpty = tokens.data.value?.data.length === 0;
  return (
    <Card
      title={t.tokens}
      flush
      actions={!isEmpty && (
        <Button small icon={Plus} onClick={() => isOpen.value = true}>{t.makeToken}</Button>
      )}
    >
      <Loaded from={tokens}>
        {({ data }) =>
          data.length > 0 ? <TokenTable tokens={tokens} data={data} /> : (
            <EmptyState
              icon={KeyRound}
              title={t.noTokens}
              action={<Button icon={Plus} onClick={() => isOpen.value = true}>{t.makeToken}</Button>}
            >
              {t.tokensHint}
            </EmptyState>
          )}
      </Loaded>
      <Dialog open={isOpen.value} title={t.makeToken} onClose={() => isOpen.value = false}>
        <NewToken
          onMade={tokens.reload}
          onClose={() => isOpen.value = false}
        />
      </Dialog>
    </Card>
  );
}

function TokenTable({ tokens, data }: { tokens: Resource<Tokens>; data: Tokens["data"] }) {
  const t = texts();
  const revoke = async ({ id, name }: Tokens["data"][number]) => {
    if (!await confirm({ title: t.revokeAsk(name), body: t.revokeHint, action: t.revoke, danger: true })) {
      return;
    }
    await tell(() => call(api.auth.tokens[":id"].$delete({ param: { id } })), t.revoked(name));
    tokens.reload();
  };
  return (
    <DataTable
      label={t.tokens}
      rows={data}
      rowKey={({ id }) => id}
      columns={[
        { id: "name", label: t.tokenName, cell: ({ name }) => name, sort: ({ name }) => name },
        {
          id: "made",
          label: t.made,
          cell: (row) => <Time at={row.createdAt} />,
          sort: (row) => row.createdAt,
        },
        {
          id: "used",
          label: t.used,
          cell: (row) => <Time at={row.usedAt} />,
          sort: (row) => row.usedAt ?? "",
        },
        { id: "ends", label: t.ends, cell: (row) => row.expiresAt ? <Time at={row.expiresAt} /> : t.never },
        {
          id: "revoke",
          label: "",
          numeric: true,
          cell: (row) => (
            <IconButton
              small
              icon={Trash2}
              label={t.revokeOne(row.name)}
              onClick={() => revoke(row)}
            />
          ),
        },
      ]}
    />
  );
}

function NewToken({ onMade, onClose }: { onMade: () => void; onClose: () => void }) {
  const t = texts();
  const made = useSignal<string>();
  const form = useForm({
    initial: { name: "", expiresAt: "" },
    check: ({ name }) => ({ name: name.trim() === "" ? t.nameNeeded : undefined }),
    save: async ({ name, expiresAt }) => {
      const end = expiresAt === "" ? undefined : new Date(`${expiresAt}T23:59:59`).toISOString();
      const { token } = await call(api.auth.tokens.$post({ json: { name, expiresAt: end } }));
      made.value = token;
      onMade();
    },
  });
  if (made.value !== undefined) {
    return (
      <div class="stack">
        <Note tone="good" icon={KeyRound}>{t.tokenOnce}</Note>
        <pre tabIndex={0} class="settings-token"><code>{made.value}</code></pre>
        <div class="row end">
          <CopyButton text={made.value} label={t.copyToken} />
          <Button kind="primary" onClick={onClose}>{t.done}</Button>
        </div>
      </div>
    );
  }
  return (
    <Form form={form}>
      <TextField
        label={t.tokenName}
        hint={t.tokenNameHint}
        autofocus
        maxLength={100}
        {...form.field("name")}
      />
      <TextField label={t.ends} hint={t.endsHint} type="date" {...form.field("expiresAt")} />
      <div class="row end">
        <Button onClick={onClose}>{t.cancel}</Button>
        <Button type="submit" kind="primary" busy={form.busy.value}>{t.makeToken}</Button>
      </div>
    </Form>
  );
}
