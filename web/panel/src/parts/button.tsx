/** Buttons, and links that look like them. */
import { LoaderCircle, type LucideIcon } from "lucide-preact";
import type { AnchorHTMLAttributes, ButtonHTMLAttributes, ComponentChildren } from "preact";

/** `primary` once a page or dialog, `danger` for what can't be undone. */
export type ButtonKind = "plain" | "primary" | "quiet" | "danger" | "danger filled";

interface Look {
  kind?: ButtonKind;
  icon?: LucideIcon;
  small?: boolean;
}

export interface ButtonProps extends Look, Omit<ButtonHTMLAttributes, "icon"> {
  /** Something runs: shows a wheel, and takes no second click. */
  busy?: boolean;
  children: ComponentChildren;
}

/** `<Button kind="primary" icon={Plus} busy={saving.value} onClick={add}>Add</Button>` */
export function Button({ kind = "plain", icon, small, busy, disabled, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      class={look(kind, small)}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
    >
      <ButtonIcon icon={busy ? LoaderCircle : icon} spins={busy} />
      {children}
    </button>
  );
}

export interface IconButtonProps extends Look, Omit<ButtonHTMLAttributes, "icon" | "label"> {
  icon: LucideIcon;
  /** Its name, for screen readers and as a tip. */
  label: string;
  busy?: boolean;
}

/** `<IconButton icon={Trash2} label={t.remove} kind="quiet" onClick={remove} />` */
export function IconButton(
  { icon, label, kind = "quiet", small, busy, disabled, ...rest }: IconButtonProps,
) {
  return (
    <button
      type="button"
      title={label}
      {...rest}
      aria-label={label}
      class={`${look(kind, small)} icon`}
      disabled={disabled || busy}
    >
      <ButtonIcon icon={busy ? LoaderCircle : icon} spins={busy} />
    </button>
  );
}

export interface LinkButtonProps extends Look, Omit<AnchorHTMLAttributes, "icon" | "role"> {
  href: string;
  children: ComponentChildren;
}

/** `<LinkButton href="/keys" icon={KeyRound}>Keys</LinkButton>` */
export function LinkButton({ kind = "plain", icon, small, children, ...rest }: LinkButtonProps) {
  return (
    <a {...rest} class={look(kind, small)}>
      <ButtonIcon icon={icon} />
      {children}
    </a>
  );
}

function look(kind: ButtonKind, small?: boolean): string {
  return `button ${kind}${small ? " small" : ""}`;
}

function ButtonIcon({ icon: Icon, spins }: { icon?: LucideIcon; spins?: boolean }) {
  return Icon ? <Icon size={17} aria-hidden="true" class={spins ? "spin" : undefined} /> : null;
}
