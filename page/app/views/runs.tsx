// The list of runs.
import { placesWords } from '../../api.ts';
import type { RunLine } from '../../api.ts';
import { count, share as shareText } from '../../../report/format.ts';
import { places, problem, runs, session } from '../data/live.ts';
import { route, setValues } from '../data/place.ts';
import { linkTo } from '../logic/route.ts';
import { RUN_STATES, countsByState, runListQuery, runsOf } from '../logic/run-list.ts';
import type { RunSort } from '../logic/run-list.ts';
import { PLACE_WORDS, STATE_WORDS, agoWords, leftWords } from '../logic/words.ts';
import { ChoiceField, TextField } from '../parts/field.tsx';
import { Awaited, Nothing, Title, Wrong, said } from '../parts/words.tsx';

const COLUMNS: { heading: string; sort: RunSort | null; class?: string }[] = [
  { heading: 'Run', sort: 'name' },
  { heading: 'State', sort: 'state' },
  { heading: 'Stage', sort: 'share' },
  { heading: 'Dataset', sort: 'dataset', class: 'only-wide' },
  { heading: 'Method', sort: 'method', class: 'only-wide' },
  { heading: 'Rows', sort: null, class: 'number only-wide' },
  { heading: 'Verdict', sort: null },
  { heading: 'Changed', sort: 'changed', class: 'only-wide' },
];

/** All runs of the folder, filtered and sorted as the address says. */
export function RunsView(): preact.JSX.Element {
  const { values } = route.value;
  const query = runListQuery(values);
  const all = runs.value;
  const shown = all === null ? [] : runsOf(all, query);
  return (
    <>
      <Title>Runs</Title>
      <p class="lead">
        {all === null
          ? ''
          : countsByState(all)
              .map(({ state, count: n }) => `${n} ${STATE_WORDS[state]}`)
              .join(' · ')}
      </p>
      <Wrong text={all === null ? problem.value : null} />
      <Wrong text={places.value?.cluster?.problem ?? null} />
      <Wrong text={places.value?.store?.problem ?? null} />
      {all === null && problem.value === null ? <Awaited what="the runs" /> : null}
      {all !== null && all.length === 0 ? (
        <Nothing
          text={`There is no run in ${placesWords(session.value?.runsFolder ?? 'the folder', places.value)} yet. Start one from this page, or by:`}
          command="tive demo"
        />
      ) : null}
      {all === null || all.length === 0 ? null : (
        <>
          <form class="filters" onSubmit={(event) => event.preventDefault()} role="search" aria-label="runs">
            <TextField
              label="Search"
              isSearch
              placeholder="name, dataset, method"
              value={query.text}
              onValue={(text) => setValues({ text })}
            />
            <ChoiceField
              label="State"
              value={query.state}
              onValue={(state) => setValues({ state }, true)}
              options={[
                { value: '', label: 'all' },
                ...RUN_STATES.map((state) => ({ value: state, label: STATE_WORDS[state] })),
              ]}
            />
          </form>
          <RunTable shown={shown} query={query} />
          {shown.length === 0 ? <Nothing text="No run is like that. Take a filter away to see others." /> : null}
        </>
      )}
    </>
  );
}

function RunTable({ shown, query }: { shown: RunLine[]; query: ReturnType<typeof runListQuery> }) {
  const press = (sort: RunSort): void => {
    const isSame = sort === query.sort;
    const isDown = isSame ? !query.isDescending : sort === 'changed' || sort === 'share';
    setValues({ sort, order: isDown ? 'down' : 'up' });
  };
  const order = query.isDescending ? 'descending' : 'ascending';
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="runs">
      <table class="runs" role="table">
        <thead role="rowgroup">
          <tr role="row">
            {COLUMNS.map(({ heading, sort, ...rest }) => (
              <th
                key={heading}
                scope="col"
                role="columnheader"
                class={rest.class ?? ''}
                aria-sort={sort === query.sort ? order : 'none'}
              >
                {sort === null ? (
                  heading
                ) : (
                  <button type="button" class="sort" onClick={() => press(sort)}>
                    {heading}
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {shown.map((run) => (
            <RunRow key={run.runName} run={run} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function RunRow({ run }: { run: RunLine }): preact.JSX.Element {
  const isAtWork = run.state === 'running' || run.state === 'waiting';
  return (
    <tr role="row">
      <th scope="row" role="rowheader">
        <a href={linkTo({ view: 'run', runName: run.runName })}>{said(run.runName)}</a>
        {run.kind === 'benchmark' ? <span class="tag">benchmark</span> : null}
        {run.place === 'folder' ? null : <span class="tag">{PLACE_WORDS[run.place]}</span>}
      </th>
      <td role="cell">
        <span class={`tag state-${run.state}`}>{STATE_WORDS[run.state]}</span>
      </td>
      <td role="cell" class="stage-cell">
        {run.stage ?? '–'}
        {isAtWork && run.share !== null ? (
          <>
            <progress max={1} value={run.share} aria-label={`share of ${run.runName} that is done`} />
            <span class="quiet">
              {shareText(run.share)}
              {run.secondsLeft === null ? '' : `, ${leftWords(run.secondsLeft)}`}
            </span>
          </>
        ) : null}
      </td>
      <td role="cell" class="only-wide">
        {said(run.dataset ?? '–')}
      </td>
      <td role="cell" class="only-wide">
        {run.method ?? '–'}
      </td>
      <td role="cell" class="number only-wide">
        {run.selectedCount === null ? count(run.rowCount) : `${count(run.selectedCount)} of ${count(run.rowCount)}`}
      </td>
      <td role="cell" class={`verdict-cell${run.verdict === null ? ' only-wide' : ''}`}>
        {said(run.verdict ?? '–')}
      </td>
      <td role="cell" class="only-wide quiet">
        <time dateTime={run.changedAt}>{agoWords(run.changedAt, Date.now())}</time>
      </td>
    </tr>
  );
}
