/** What every form does: the browser's own checks stay out, and a refused one leads to the first of its errors. */
import { CircleAlert } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";

/** A form around `children`. `submit` tells whether everything was taken. */
export function FormShell(
  { submit, children }: { submit: () => Promise<boolean>; children: ComponentChildren },
) {
  const element = useRef<HTMLFormElement>(null);
  const send = async () => {
    if (await submit()) return;
    // After the errors are on the page.
    requestAnimationFrame(() =>
      element.current?.querySelector<HTMLElement>("[aria-invalid], .form-error")?.focus()
    );
  };
  return (
    <form
      ref={element}
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {children}
    </form>
  );
}

/** An error that belongs to no field. */
export function FormError({ text }: { text?: string }) {
  return text
    ? (
      <p class="form-error" role="alert" tabIndex={-1}>
        <CircleAlert size={16} aria-hidden="true" />
        {text}
      </p>
    )
    : null;
}
