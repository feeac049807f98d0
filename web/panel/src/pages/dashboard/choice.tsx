/** One of a few, all of them in view. */

/** `<Choice label={t.range} options={[{ id: "day", label: t.day }]} chosen={range} onChoose={choose} />` */
export function Choice<Id extends string>({ label, options, chosen, onChoose }: {
  label: string;
  options: readonly { id: Id; label: string }[];
  chosen: Id;
  onChoose: (id: Id) => void;
}) {
  return (
    <div class="dash-choice" role="group" aria-label={label}>
      {options.map(({ id, label }) => (
        <button
          key={id}
          type="button"
          class="button quiet small"
          aria-pressed={id === chosen}
          onClick={() => onChoose(id)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
