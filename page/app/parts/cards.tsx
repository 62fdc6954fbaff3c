// A few numbers, large.

/** A number with its name and what it means. */
export interface CardContent {
  name: string;
  value: string;
  note: string;
}

/** Cards in a line, or in two where it is narrow. */
export function Cards({ cards }: { cards: CardContent[] }): preact.JSX.Element {
  return (
    <dl class="cards">
      {cards.map(({ name, value, note }) => (
        <div class="card" key={name}>
          <dt>{name}</dt>
          <dd class="value">{value}</dd>
          <dd class="note">{note}</dd>
        </div>
      ))}
    </dl>
  );
}
