/** Logging in. The address stays, so that one is where one wanted to be. */
import { ApiError } from "../../api.ts";
import { formatDuration } from "../../format.ts";
import { Button } from "../../parts/button.tsx";
import { TextField } from "../../parts/field.tsx";
import { Form, useForm } from "../../parts/form.tsx";
import { PageHeader } from "../../parts/page.tsx";
import { logIn, needsSetup } from "../../session.ts";
import { texts } from "./texts.ts";

export function LoginPage() {
  const t = texts();
  const form = useForm({
    initial: { password: "" },
    check: ({ password }) => ({ password: password === "" ? t.needed : undefined }),
    save: ({ password }) => logIn(password).catch((error) => throwTold(error)),
  });
  const throwTold = (error: unknown): never => {
    if (!(error instanceof ApiError)) throw error;
    const { status, retryAfter, code } = error;
    if (status === 429) throw new ApiError(t.tooOften(formatDuration((retryAfter ?? 60) * 1000)), { status });
    if (status === 401) throw new ApiError(t.wrong, { status, code, param: "password" });
    throw error;
  };
  return (
    <>
      <PageHeader title={t.title} lead={t.lead} />
      <Form form={form}>
        {/* Password managers look for a name. */}
        <input type="text" name="username" autocomplete="username" value="admin" hidden readOnly />
        <TextField
          label={t.password}
          type="password"
          autocomplete="current-password"
          autofocus
          required
          {...form.field("password")}
        />
        <Button
          type="submit"
          kind="primary"
          busy={form.busy.value}
          disabled={form.values.value.password === ""}
        >
          {t.logIn}
        </Button>
      </Form>
      <p class="soft small">{needsSetup.value ? t.first : t.forgotten}</p>
    </>
  );
}
