// Two runs side by side.
import { useEffect } from 'preact/hooks';
import type { ComparedRun, Comparison } from '../../api.ts';
import { count, percent, share } from '../../../report/format.ts';
import { apiPath } from '../data/ask.ts';
import { refresh, runs } from '../data/live.ts';
import { route, setValues } from '../data/place.ts';
import { useAnswer } from '../data/use-answer.ts';
import { linkTo } from '../logic/route.ts';
import { PairedBars } from '../parts/bars.tsx';
import { Cards } from '../parts/cards.tsx';
import { ChoiceField } from '../parts/field.tsx';
import { RowLinks } from '../parts/row-links.tsx';
import { SortedTable } from '../parts/sorted-table.tsx';
import { Awaited, Nothing, Title, Wrong, said } from '../parts/words.tsx';

/** The two runs that the address names. */
export function CompareView(): preact.JSX.Element {
  const { left = '', right = '' } = route.value.values;
  const names = (runs.value ?? []).map(({ runName }) => runName);
  useEffect(() => {
    if (runs.value === null) void refresh(null);
  }, []);
  const isAsked = left !== '' && right !== '' && left !== right;
  const path = `${apiPath('compare')}?${new URLSearchParams({ left, right }).toString()}`;
  const { answer, problem, isAwaited } = useAnswer<Comparison>(isAsked ? path : null);
  const options = (chosen: string): { value: string; label: string }[] =>
    [...new Set(['', ...(chosen === '' ? [] : [chosen]), ...names])].map((value) => ({
      value,
      label: value === '' ? 'choose a run' : value,
    }));
  const isShown = answer !== null && answer.left.runName === left && answer.right.runName === right;
  return (
    <>
      <Title>Compare</Title>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <ChoiceField label="Left" value={left} options={options(left)} onValue={(name) => setValues({ left: name })} />
        <ChoiceField
          label="Right"
          value={right}
          options={options(right)}
          onValue={(name) => setValues({ right: name })}
        />
      </form>
      <Wrong text={problem} />
      {isAsked ? null : (
        <Nothing
          text={
            left !== '' && left === right
              ? 'These are the same run: choose another one.'
              : 'Choose two runs. The same is told by:'
          }
          command={`tive compare ${left || 'LEFT'} ${right && right !== left ? right : 'RIGHT'}`}
        />
      )}
      {isAwaited && !isShown ? <Awaited what="both runs" /> : null}
      {isShown && answer !== null ? <Compared answer={answer} /> : null}
    </>
  );
}

function Compared({ answer }: { answer: Comparison }): preact.JSX.Element {
  const { left, right } = answer;
  const tasks = [...answer.tasks].sort((one, other) => other.left - one.left);
  return (
    <>
      <Cards
        cards={[
          {
            name: 'overlap',
            value: answer.jaccard === null ? '–' : share(answer.jaccard),
            note: 'rows of both, of rows of either',
          },
          { name: 'in both', value: count(answer.bothCount), note: 'rows' },
          { name: 'only left', value: count(answer.onlyLeftCount), note: said(left.runName) },
          { name: 'only right', value: count(answer.onlyRightCount), note: said(right.runName) },
        ]}
      />
      <div class="two">
        {[left, right].map((each, index) => (
          <Scores key={index} run={each} side={index === 0 ? 'left' : 'right'} />
        ))}
      </div>
      {tasks.length === 0 ? null : (
        <PairedBars
          finding="Selected rows of each task in both runs"
          before={said(left.runName)}
          after={said(right.runName)}
          write={count}
          pairs={tasks.map((task) => ({ name: task.task, before: task.left, after: task.right }))}
        />
      )}
      <details>
        <summary>Numbers</summary>
        <SortedTable
          caption="Selected rows of each task"
          lines={tasks}
          keyOf={({ task }) => task}
          columns={[
            { heading: 'Task', isName: true, cell: ({ task }) => said(task), sortBy: ({ task }) => task },
            { heading: 'Left', isNumber: true, cell: (line) => count(line.left), sortBy: (line) => line.left },
            { heading: 'Right', isNumber: true, cell: (line) => count(line.right), sortBy: (line) => line.right },
          ]}
        />
      </details>
      <div class="two">
        <RowLinks title="Only left" runName={left.runName} rows={answer.onlyLeft} total={answer.onlyLeftCount} />
        <RowLinks title="Only right" runName={right.runName} rows={answer.onlyRight} total={answer.onlyRightCount} />
      </div>
    </>
  );
}

function Scores({ run, side }: { run: ComparedRun; side: 'left' | 'right' }): preact.JSX.Element {
  return (
    <section aria-label={`scores ${side}`}>
      <h2>
        <a href={linkTo({ view: 'run', runName: run.runName })}>{said(run.runName)}</a>
      </h2>
      <p class="quiet">
        {run.method ?? 'no method'}, {count(run.selectedCount)} rows
      </p>
      {run.scores.length === 0 ? (
        <p>It has no scores: its evaluation is switched off or not done.</p>
      ) : (
        <SortedTable
          caption={`Scores of ${said(run.runName)}, with 95 % intervals`}
          lines={run.scores}
          keyOf={({ method }) => method}
          columns={[
            { heading: 'Method', isName: true, cell: ({ method }) => method, sortBy: ({ method }) => method },
            {
              heading: 'Accuracy',
              isNumber: true,
              cell: ({ accuracy }) => percent(accuracy),
              sortBy: ({ accuracy }) => accuracy,
            },
            {
              heading: 'Interval',
              isNumber: true,
              cell: ({ interval }) => (interval === null ? '–' : `${percent(interval[0])} to ${percent(interval[1])}`),
            },
          ]}
        />
      )}
    </section>
  );
}
