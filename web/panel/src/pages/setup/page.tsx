/** The first minute of a new gateway: its owner, who has the printed link, chooses the password. */
import { useLocation } from "preact-iso";
import { Button } from "../../parts/button.tsx";
import { TextField } from "../../parts/field.tsx";
import { Form, useForm } from "../../parts/form.tsx";
import { PageHeader } from "../../parts/page.tsx";
import { setUp } from "../../session.ts";
import { texts } from "./texts.ts";

const SHORTEST = 12;

export default function SetupPage({ token }: { token: string }) {
  const t = texts();
  const { route } = useLocation();
  const form = useForm({
    initial: { password: "", again: "" },
    check: ({ password, again }) => ({
      password: password.length < SHORTEST ? t.tooShort : undefined,
      again: again !== password ? t.differ : undefined,
    }),
    save: async ({ password }) => {
      await setUp(token, password);
      // The token is of no use any more, and has no place in the history of the browser.
      route("/admin", true);
    },
  });
  return (
    <>
      <PageHeader title={t.title} lead={t.lead} />
      <Form form={form}>
        <input type="text" name="username" autocomplete="username" value="admin" hidden readOnly />
        <TextField
          label={t.password}
          hint={t.hint}
          type="password"
          autocomplete="new-password"
          autofocus
          required
          {...form.field("password")}
        />
        <TextField
          label={t.again}
          type="password"
          autocomplete="new-password"
          required
          {...form.field("again")}
        />
        <Button type="submit" kind="primary" busy={form.busy.value}>{t.begin}</Button>
      </Form>
    </>
  );
}
