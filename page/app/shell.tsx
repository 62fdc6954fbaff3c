// The page around the views: ways between them, where it looks, what is shown.
import { useEffect, useRef } from 'preact/hooks';
import { isLive, places, session } from './data/live.ts';
import { route } from './data/place.ts';
import { linkTo } from './logic/route.ts';
import type { Place } from './logic/route.ts';
import { placesWords } from '../api.ts';
import { Nothing, Title, said } from './parts/words.tsx';
import { CompareView } from './views/compare.tsx';
import { RowsView } from './views/rows.tsx';
import { RunView } from './views/run.tsx';
import { RunsView } from './views/runs.tsx';
import { StartView } from './views/start.tsx';
import { WhatIfView } from './views/what-if.tsx';

const WAYS = [
  { view: 'runs', label: 'Runs' },
  { view: 'compare', label: 'Compare' },
  { view: 'start', label: 'Start' },
] as const;

const TITLES = { runs: 'Runs', run: 'Run', rows: 'Rows', 'what-if': 'What if', compare: 'Compare', start: 'Start' };

/** Header, view, footer. A new view begins at its heading, for eyes and for readers. */
export function Shell(): preact.JSX.Element {
  const { place } = route.value;
  const name = 'runName' in place ? place.runName : '';
  const key = `${place.view} ${name}`;
  const isFirst = useRef(true);
  useEffect(() => {
    const title = place.view === 'unknown' ? 'Nothing' : TITLES[place.view];
    document.title = `${[title, name].filter((part) => part !== '').join(' ')} – tive`;
    if (!isFirst.current) {
      scrollTo(0, 0);
      document.getElementById('title')?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [key]);
  return (
    <>
      <a
        class="skip"
        href="#title"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('title')?.focus();
        }}
      >
        To the content
      </a>
      <header>
        <a class="brand" href={linkTo({ view: 'runs' })}>
          tive
        </a>
        <nav aria-label="page">
          <ul>
            {WAYS.map(({ view, label }) => (
              <li key={view}>
                <a href={linkTo({ view })} {...(isWithin(place, view) ? { 'aria-current': 'page' as const } : {})}>
                  {label}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <span class="quiet live" role="status">
          {isLive.value ? '' : 'not connected: what is shown may be old'}
        </span>
      </header>
      <main>
        <View key={key} place={place} />
      </main>
      <footer>
        {session.value === null
          ? null
          : `tive ${session.value.version} · ${said(placesWords(session.value.runsFolder, places.value))}${session.value.isReadOnly ? ' · read-only' : ''}`}
      </footer>
    </>
  );
}

function isWithin(place: Place, view: 'runs' | 'compare' | 'start'): boolean {
  return place.view === view || (view === 'runs' && 'runName' in place);
}

function View({ place }: { place: Place }): preact.JSX.Element {
  switch (place.view) {
    case 'runs':
      return <RunsView />;
    case 'run':
      return <RunView runName={place.runName} />;
    case 'rows':
      return <RowsView runName={place.runName} />;
    case 'what-if':
      return <WhatIfView runName={place.runName} />;
    case 'compare':
      return <CompareView />;
    case 'start':
      return <StartView />;
    case 'unknown':
      return (
        <>
          <Title>Nothing is here</Title>
          <Nothing text={`There is no view ${said(place.path)}; the runs are in the first one.`} />
        </>
      );
  }
}
