// The head of a run's views: its name, its state, and the ways between its views.
import { linkTo } from '../logic/route.ts';
import { PLACE_WORDS, STATE_WORDS } from '../logic/words.ts';
import { run } from '../data/live.ts';
import { Title, said } from './words.tsx';

const VIEWS = [
  { view: 'run', label: 'Run' },
  { view: 'rows', label: 'Rows' },
  { view: 'what-if', label: 'What if' },
] as const;

/** Name, state and tabs. */
export function RunHead({ runName, view }: { runName: string; view: 'run' | 'rows' | 'what-if' }) {
  const { state, place = 'folder' } = run.value ?? {};
  return (
    <div class="run-head">
      <Title>
        <span class="sort-of">{view === 'run' ? 'Run' : view === 'rows' ? 'Rows of' : 'What if'} </span>
        {said(runName)}
      </Title>
      {state === undefined ? null : <span class={`tag state-${state}`}>{STATE_WORDS[state]}</span>}
      {place === 'folder' ? null : <span class="tag">{PLACE_WORDS[place]}</span>}
      <nav aria-label="views of the run">
        <ul>
          {VIEWS.map((each) => (
            <li key={each.view}>
              <a
                href={linkTo({ view: each.view, runName })}
                {...(each.view === view ? { 'aria-current': 'page' as const } : {})}
              >
                {each.label}
              </a>
            </li>
          ))}
          <li>
            <a href={linkTo({ view: 'compare' }, { left: runName })}>Compare</a>
          </li>
        </ul>
      </nav>
    </div>
  );
}
