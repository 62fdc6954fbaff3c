// Paired bars of tasks: what there was beside what there is.
import { useState } from 'preact/hooks';
import { middleCut } from '../logic/words.ts';
import { said } from './words.tsx';

/** One task's two numbers. */
export interface BarPair {
  name: string;
  before: number;
  after: number;
}

interface PairsProps {
  /** What the chart says, in a sentence. */
  finding: string;
  pairs: readonly BarPair[];
  /** What the two colours stand for. */
  before: string;
  after: string;
  write: (value: number) => string;
}

/** Pairs that are drawn before all are asked for; the table beside the chart has all. */
const MOST_PAIRS = 16;

/** Two bars a task, in the order given. */
export function PairedBars({ finding, pairs, before, after, write }: PairsProps): preact.JSX.Element {
  const [isWhole, setWhole] = useState(false);
  const most = Math.max(1e-9, ...pairs.flatMap((pair) => [pair.before, pair.after]));
  const shown = isWhole ? pairs : pairs.slice(0, MOST_PAIRS);
  const bar = (value: number, kind: string): preact.JSX.Element => (
    <span class="bar-line">
      <span class={`bar ${kind}`} style={{ width: `calc((100% - 4.5rem) * ${value / most})` }} />
      <span class="bar-value">{write(value)}</span>
    </span>
  );
  return (
    <figure>
      <figcaption>{said(finding)}</figcaption>
      <p class="keys">
        <span class="key">
          <i class="before" />
          {before}
        </span>
        <span class="key">
          <i class="after" />
          {after}
        </span>
      </p>
      <div class="bars" role="img" aria-label={said(finding)}>
        {shown.map((pair) => (
          <div class="bar-group" key={pair.name}>
            <span class="bar-name" title={said(pair.name)}>
              {middleCut(said(pair.name), 26)}
            </span>
            <span>
              {bar(pair.before, 'before')}
              {bar(pair.after, 'after')}
            </span>
          </div>
        ))}
      </div>
      {shown.length < pairs.length ? (
        <button type="button" onClick={() => setWhole(true)}>
          Draw all {pairs.length} tasks
        </button>
      ) : null}
    </figure>
  );
}
