// One look a second at the runs, told to all who listen; none where nobody does.
import { setTimeout as sleep } from 'node:timers/promises';
import type { AskedPlaces, RunLine, RunView } from '../api.ts';

/** Time between the beginnings of two looks: a little more than one look serves for. */
const LOOK_MS = 1100;

/** What is looked at. */
export interface Lookout {
  elsewhere?: { places(): AskedPlaces };
  lines(): Promise<RunLine[]>;
  view(name: string): Promise<RunView>;
}

/** What is told. */
export type RunEvent = 'runs' | 'run' | 'places';

/** Who listens: told of what it has not been told yet. */
interface Listener {
  runName: string | null;
  tell: (event: RunEvent, json: string) => void;
  told: Map<RunEvent, string>;
}

/** Looks while somebody listens, once a second however many do. */
export class RunEvents {
  readonly #lookout: Lookout;
  readonly #pause: (ms: number) => Promise<unknown>;
  readonly #listeners = new Set<Listener>();
  #isLooking = false;

  /** @param pause waits between two looks */
  constructor(lookout: Lookout, pause: (ms: number) => Promise<unknown> = sleep) {
    this.#lookout = lookout;
    this.#pause = pause;
  }

  /** How many listen. */
  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** Tells of the runs, and of one of them, at once and when they change. @returns ends the listening */
  listen(runName: string | null, tell: Listener['tell']): () => void {
    const listener: Listener = { runName, tell, told: new Map() };
    this.#listeners.add(listener);
    if (!this.#isLooking) void this.#look();
    return () => void this.#listeners.delete(listener);
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#listeners.size > 0) {
      const startedAt = Date.now();
      await this.#lookOnce();
      await this.#pause(Math.max(0, startedAt + LOOK_MS - Date.now()));
    }
    this.#isLooking = false;
  }

  async #lookOnce(): Promise<void> {
    const lines = await jsonOf(() => this.#lookout.lines());
    const places = this.#lookout.elsewhere === undefined ? null : JSON.stringify(this.#lookout.elsewhere.places());
    const names = new Set([...this.#listeners].flatMap(({ runName }) => (runName === null ? [] : [runName])));
    const views = new Map<string, string | null>();
    for (const name of names) views.set(name, await jsonOf(() => this.#lookout.view(name)));
    for (const listener of this.#listeners) {
      this.#tell(listener, 'runs', lines);
      this.#tell(listener, 'places', places);
      if (listener.runName !== null) this.#tell(listener, 'run', views.get(listener.runName) ?? null);
    }
  }

  #tell({ told, tell }: Listener, event: RunEvent, json: string | null): void {
    if (json === null || told.get(event) === json) return;
    told.set(event, json);
    tell(event, json);
  }
}

/** Null where it could not be seen this time: the next look may. */
async function jsonOf(look: () => Promise<unknown>): Promise<string | null> {
  return look().then(JSON.stringify, () => null);
}
