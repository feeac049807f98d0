/** How something ended, and why something rests. */
import { outcomeName, outcomeTone, splitReason } from "../outcomes.ts";
import { Status } from "./signs.tsx";

/** `<Outcome of={request.outcome} />` */
export function Outcome({ of }: { of: string }) {
  return <Status tone={outcomeTone(of)}>{outcomeName(of)}</Status>;
}

/** The kind in words, and what the provider said. */
export function Reason({ of }: { of: string }) {
  const { kind, message } = splitReason(of);
  return (
    <>
      {kind && <b>{outcomeName(kind)}</b>}
      {kind && message && ": "}
      <span class="soft">{message}</span>
    </>
  );
}
