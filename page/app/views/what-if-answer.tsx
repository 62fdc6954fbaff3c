// The new selection beside the old one.
import type { WhatIf } from '../../api.ts';
import { count, duration, share } from '../../../report/format.ts';
import { linkTo } from '../logic/route.ts';
import { PairedBars } from '../parts/bars.tsx';
import { RowLinks } from '../parts/row-links.tsx';
import { SortedTable } from '../parts/sorted-table.tsx';
import { Cards } from '../parts/cards.tsx';
import { said } from '../parts/words.tsx';

interface AnswerProps {
  runName: string;
  answer: WhatIf;
  /** It is being kept, or another one is awaited. */
  isBusy: boolean;
  keep: () => void;
}

/** The button that was pressed is gone by then, and the focus with it. */
function takeFocus(link: HTMLAnchorElement | null): void {
  if (document.activeElement === document.body) link?.focus();
}

/** Overlap, quotas, rows that come and go. */
export function WhatIfAnswer({ runName, answer, isBusy, keep }: AnswerProps): preact.JSX.Element {
  const tasks = [...answer.tasks].sort((left, right) => right.oldTaken - left.oldTaken);
  return (
    <>
      <h2>The new selection</h2>
      <p>
        {answer.runName === null ? null : (
          <>
            Kept as run{' '}
            <a ref={takeFocus} href={linkTo({ view: 'run', runName: answer.runName })}>
              {said(answer.runName)}
            </a>
            .{' '}
          </>
        )}
        Selected in {duration(answer.seconds * 1000)}. The same by:
      </p>
      <pre tabIndex={0} aria-label="command">
        {said(answer.command)}
      </pre>
      {answer.runName === null ? (
        <p class="buttons">
          <button type="button" class="main" aria-disabled={isBusy} onClick={() => (isBusy ? undefined : keep())}>
            Keep it as a run
          </button>
        </p>
      ) : null}
      <Cards
        cards={[
          { name: 'rows', value: count(answer.newCount), note: `${count(answer.oldCount)} before` },
          { name: 'overlap', value: share(answer.jaccard), note: 'rows of both, of rows of either' },
          { name: 'enter', value: count(answer.enteringCount), note: 'only in the new one' },
          { name: 'leave', value: count(answer.leavingCount), note: 'only in the old one' },
        ]}
      />
      <PairedBars
        finding="Rows of each task in the old and in the new selection"
        before="old"
        after="new"
        write={count}
        pairs={tasks.map(({ task, oldTaken, newTaken }) => ({ name: task, before: oldTaken, after: newTaken }))}
      />
      {answer.warnings.length === 0 ? null : (
        <ul class="notices">
          {answer.warnings.map((line) => (
            <li key={line}>{said(line)}</li>
          ))}
        </ul>
      )}
      <details>
        <summary>Numbers</summary>
        <SortedTable
          caption="Selected rows of each task, copies counted"
          lines={tasks}
          keyOf={({ task }) => task}
          columns={[
            { heading: 'Task', isName: true, cell: ({ task }) => said(task), sortBy: ({ task }) => task },
            { heading: 'Rows', isNumber: true, cell: ({ rows }) => count(rows), sortBy: ({ rows }) => rows },
            {
              heading: 'Old',
              isNumber: true,
              cell: ({ oldTaken }) => count(oldTaken),
              sortBy: (line) => line.oldTaken,
            },
            {
              heading: 'New',
              isNumber: true,
              cell: ({ newTaken }) => count(newTaken),
              sortBy: (line) => line.newTaken,
            },
          ]}
        />
      </details>
      <div class="two">
        <RowLinks title="Rows that enter" runName={runName} rows={answer.entering} total={answer.enteringCount} />
        <RowLinks title="Rows that leave" runName={runName} rows={answer.leaving} total={answer.leavingCount} />
      </div>
    </>
  );
}
