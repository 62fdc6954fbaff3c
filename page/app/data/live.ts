// What changes by itself: the session, the list of runs, and the run that is looked at.
import { effect, signal } from '@preact/signals';
import type { AskedPlaces, RunLine, RunView, Session } from '../../api.ts';
import { apiPath, get, sentenceOf, setToken } from './ask.ts';
import { route } from './place.ts';

export const session = signal<Session | null>(null);

/** Where the page looks beside its folder; null until it is known. */
export const places = signal<AskedPlaces | null>(null);

/** Null until they are known. */
export const runs = signal<RunLine[] | null>(null);

/** The run that the address names; null until it is known. */
export const run = signal<RunView | null>(null);

/** What keeps the list or the run from being known; null where nothing does. */
export const problem = signal<string | null>(null);

/** Whether changes come by themselves right now. */
export const isLive = signal(true);

/** Asks for the session and the runs, and listens from then on. */
export function startLive(): void {
  void get<Session>(apiPath('session')).then(
    (answer) => {
      setToken(answer.token);
      session.value = answer;
      places.value ??= answer.places;
    },
    (error: unknown) => (problem.value = sentenceOf(error)),
  );
  let open: EventSource | null = null;
  let watched: string | null | undefined;
  effect(() => {
    const { place } = route.value;
    const runName = 'runName' in place ? place.runName : null;
    if (runName === watched) return;
    watched = runName;
    open?.close();
    if (run.peek()?.runName !== runName) run.value = null;
    problem.value = null;
    void refresh(runName);
    open = listen(runName);
  });
}

/** Asks anew, as after something was done. */
export async function refresh(runName: string | null): Promise<void> {
  try {
    if (runName === null) runs.value = await get<RunLine[]>(apiPath('runs'));
    else {
      const answer = await get<RunView>(apiPath('runs', runName));
      if (isWatched(runName)) run.value = answer;
    }
  } catch (error) {
    if (runName === null || isWatched(runName)) problem.value = sentenceOf(error);
  }
}

function isWatched(runName: string): boolean {
  const { place } = route.peek();
  return 'runName' in place && place.runName === runName;
}

function listen(runName: string | null): EventSource {
  const source = new EventSource(
    `${apiPath('events')}${runName === null ? '' : `?run=${encodeURIComponent(runName)}`}`,
  );
  source.addEventListener('runs', ({ data }: MessageEvent<string>) => (runs.value = JSON.parse(data) as RunLine[]));
  source.addEventListener('run', ({ data }: MessageEvent<string>) => {
    const told = JSON.parse(data) as RunView;
    if (isWatched(told.runName)) run.value = told;
  });
  source.addEventListener(
    'places',
    ({ data }: MessageEvent<string>) => (places.value = JSON.parse(data) as AskedPlaces),
  );
  source.onopen = () => (isLive.value = true);
  source.onerror = () => (isLive.value = false);
  return source;
}
