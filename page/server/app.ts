// The page's addresses: each asks what the command line asks, and answers in JSON.
import { Hono } from 'hono';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { NamedRun } from '../../client/runs/find-run.ts';
import { actOnRun, LIVE_ACTS } from '../../client/runs/live-run.ts';
import { SelectionServer } from '../../client/runs/selection-server.ts';
import { lookAtRun } from '../../client/runs/look-at-run.ts';
import { commandLine } from '../../client/terminal/terminal-text.ts';
import { API } from '../api.ts';
import type { ChosenQuestion, Session } from '../api.ts';
import { NOT_BUILT } from './app-files.ts';
import type { AppFile } from './app-files.ts';
import { BODIES, parseBody } from './bodies.ts';
import { RunEvents } from './events.ts';
import { ForeignRuns } from './foreign-runs.ts';
import type { Elsewhere } from './foreign-runs.ts';
import { OpenRuns } from './open-rows.ts';
import { problemOf, RefusedError } from './problems.ts';
import { parseRowQuery } from './row-query.ts';
import { MOST_EDGE } from './row-reading.ts';
import { Runs } from './runs.ts';
import { guarded, REPORT_POLICY, withBodyLimit, withHeaders } from './safety.ts';
import type { Guard } from './safety.ts';

/** What the page is of. */
export interface PageOptions {
  /** Folder of the runs. */
  runsFolder: string;
  /** Folder that recipes are saved in. */
  folder: string;
  version: string;
  /** Cluster and store whose runs it shows too; none where it is left out. */
  elsewhere?: Elsewhere;
  guard: Guard;
  /** The built front-end; none where it is missing. */
  files: ReadonlyMap<string, AppFile>;
}

/** The page's answers, and what is held open for them. */
export interface PageApp {
  app: Hono;
  events: RunEvents;
  close(): Promise<void>;
}

const LOG_LINES = 200;
const MOST_LOG_LINES = 2000;
const USUAL_EDGE = 512;

export function createApp(options: PageOptions): PageApp {
  const app = new Hono();
  const runs = new Runs(options.runsFolder, lookAtRun, new ForeignRuns(options.elsewhere));
  const rows = new OpenRuns(runs);
  const events = new RunEvents(runs);
  const server = new SelectionServer();
  app.onError((error, context) => {
    const { problem, status } = problemOf(error);
    return context.json(problem, status);
  });
  app.notFound((context) => context.json({ message: 'page: address must be known, got another one' }, 404));
  app.use(withHeaders);
  app.use(guarded(options.guard));
  app.use(withBodyLimit);
  addRuns(app, options, runs, events);
  addRows(app, runs, rows);
  addSelections(app, options.folder, runs, rows, server);
  addRecipes(app, options.folder);
  addFiles(app, options.files);
  const close = async (): Promise<void> => {
    await rows.close();
    await server.close();
    await runs.elsewhere.close();
  };
  return { app, events, close };
}

function addRuns(app: Hono, { guard, version, runsFolder }: PageOptions, runs: Runs, events: RunEvents): void {
  const session = { version, isReadOnly: guard.isReadOnly, runsFolder, token: guard.token };
  app.get(`${API}/session`, (context) =>
    context.json({ ...session, places: runs.elsewhere.places() } satisfies Session),
  );
  app.get(`${API}/runs`, async (context) => context.json(await runs.lines()));
  app.get(`${API}/events`, async (context) => {
    const runName = context.req.query('run') ?? null;
    if (runName !== null) await runs.named(runName);
    return streamSSE(context, async (stream) => {
      await new Promise<void>((resolve) => {
        const end = events.listen(runName, (event, data) => {
          stream.writeSSE({ event, data }).catch(resolve);
        });
        stream.onAbort(() => {
          end();
          resolve();
        });
      });
    });
  });
  app.get(`${API}/runs/:name`, async (context) => context.json(await runs.view(context.req.param('name'))));
  app.get(`${API}/runs/:name/log`, async (context) => {
    const limit = wholeOf(context.req.query('limit') ?? String(LOG_LINES), 'limit');
    const stage = context.req.query('stage') ?? null;
    return context.json(await runs.log(context.req.param('name'), stage, Math.min(limit, MOST_LOG_LINES)));
  });
  app.get(`${API}/runs/:name/report`, async (context) => {
    const report = await runs.report(context.req.param('name'));
    if (report === null) throw new RefusedError(404, 'report: run must have a report, got none');
    context.header('Content-Security-Policy', REPORT_POLICY);
    return context.html(report);
  });
  for (const act of LIVE_ACTS) {
    app.post(`${API}/runs/:name/${act}`, async (context) => {
      const named = await runs.named(context.req.param('name'));
      const { hint } = await import('../../client/terminal/own-command.ts');
      // Nobody is at it, or it waits for nothing: the run's state, not the question, is what does not fit.
      const message = await actOnRun(act, named, await runs.askedOf(named.runName))
        .catch((error: unknown) => {
          throw new RefusedError(409, problemOf(error).problem.message);
        })
        .finally(() => runs.changed(named.runName));
      const command = hint(act, named.runName, ...(await runs.optionsOf(named.runName)));
      return context.json({ message, runName: null, command });
    });
  }
}

function addRows(app: Hono, runs: Runs, rows: OpenRuns): void {
  const of = async (context: Context): Promise<Awaited<ReturnType<OpenRuns['of']>>> => {
    const named = await runs.named(context.req.param('name') ?? '');
    return rows.of(named.runName);
  };
  const index = (context: Context): number => wholeOf(context.req.param('index') ?? '', 'index');
  app.get(`${API}/runs/:name/rows`, async (context) => {
    const query = parseRowQuery(context.req.query());
    return context.json(await (await of(context)).page(query));
  });
  app.get(`${API}/runs/:name/rows/:index`, async (context) =>
    context.json(await (await of(context)).view(index(context))),
  );
  app.get(`${API}/runs/:name/rows/:index/nearest`, async (context) =>
    context.json(await (await of(context)).nearest(index(context), context.req.raw.signal)),
  );
  app.get(`${API}/runs/:name/rows/:index/pictures/:picture`, async (context) => {
    const picture = wholeOf(context.req.param('picture'), 'picture');
    const edge = Math.min(MOST_EDGE, wholeOf(context.req.query('edge') ?? String(USUAL_EDGE), 'edge'));
    const bytes = await (await of(context)).picture(index(context), picture, edge);
    return context.body(bytes, 200, { 'Content-Type': 'image/webp', 'Cache-Control': 'private, max-age=600' });
  });
}

function addSelections(app: Hono, folder: string, runs: Runs, rows: OpenRuns, server: SelectionServer): void {
  const [selecting, oneAtATime] = [queue(), queue()];
  app.post(`${API}/runs/:name/what-if`, async (context) => {
    const question = parseBody(BODIES.whatIf, await bodyOf(context));
    const base = await runs.result(context.req.param('name'));
    const { whatIf } = await import('./selections.ts');
    const { signal } = context.req.raw;
    const options = await runs.optionsOf(base.runName);
    const answer = await selecting(() => whatIf(base, question, server, signal));
    return context.json({ ...answer, command: withOptions(answer.command, options) });
  });
  app.post(`${API}/runs/:name/export`, async (context) => {
    const question = parseBody(BODIES.exported, await bodyOf(context));
    const named = await runs.named(context.req.param('name'));
    const result = await runs.result(named.runName);
    const { exportRows } = await import('./selections.ts');
    const options = await runs.optionsOf(named.runName);
    const said = await oneAtATime(async () =>
      exportRows(named, result, question.form, await chosenOf(rows, named, question)),
    );
    return context.json({ ...said, command: withOptions(said.command, options) });
  });
  app.post(`${API}/runs/:name/exclude`, async (context) => {
    const question = parseBody(BODIES.excluded, await bodyOf(context));
    const named = await runs.named(context.req.param('name'));
    const result = await runs.result(named.runName);
    const options = await runs.optionsOf(named.runName);
    const { excludeRows } = await import('./exclusions.ts');
    return context.json(
      await oneAtATime(async () => {
        const chosen = await chosenOf(rows, named, question);
        if (chosen === null) throw new RefusedError(400, 'rows: must be chosen, got none');
        const excluded = await excludeRows(folder, named, result, chosen);
        return { ...excluded, command: withOptions(excluded.command, options) };
      }),
    );
  });
  app.get(`${API}/compare`, async (context) => {
    const [left, right] = [context.req.query('left') ?? '', context.req.query('right') ?? ''];
    const { compare } = await import('./selections.ts');
    return context.json(await compare(await runs.result(left), await runs.result(right)));
  });
}

/** A command with what it needs to find a run of another place. */
function withOptions(command: string, options: readonly string[]): string {
  return options.length === 0 ? command : `${command} ${commandLine(options)}`;
}

/** Null: the selection. */
async function chosenOf(open: OpenRuns, { runName }: NamedRun, { rows, all }: ChosenQuestion) {
  if (rows !== null) return { rows, setAsideCount: 0 };
  return all === undefined ? null : (await open.of(runName)).all(all);
}

function addRecipes(app: Hono, folder: string): void {
  const oneAtATime = queue();
  const loaded = import('./recipes.ts').then(({ Recipes }) => new Recipes(folder));
  const question = async (context: Context) => parseBody(BODIES.recipe, await bodyOf(context));
  app.get(`${API}/recipe/schema`, async (context) => {
    const { recipeJsonSchema } = await import('../../client/recipe/json-schema.ts');
    return context.json(recipeJsonSchema());
  });
  app.post(`${API}/recipe/check`, async (context) => context.json((await loaded).check(await question(context))));
  app.post(`${API}/recipe/plan`, async (context) => {
    const recipe = await question(context);
    return context.json(await oneAtATime(async () => (await loaded).plan(recipe)));
  });
  for (const act of ['save', 'run'] as const) {
    app.post(`${API}/recipe/${act}`, async (context) => {
      const recipe = await question(context);
      return context.json(await oneAtATime(async () => (await loaded)[act](recipe)));
    });
  }
}

function addFiles(app: Hono, files: ReadonlyMap<string, AppFile>): void {
  app.get('*', (context) => {
    const { path } = context.req;
    const file = files.get(path);
    if (file !== undefined) return context.body(file.bytes, 200, { 'Content-Type': file.type });
    if (path === '/' && files.size === 0) return context.html(NOT_BUILT);
    return context.notFound();
  });
}

async function bodyOf(context: Context): Promise<unknown> {
  const text = await context.req.text();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new RefusedError(400, 'request: body must be JSON, got something else');
  }
}

function wholeOf(text: string, what: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new RefusedError(400, `request: ${what} must be a whole number, got ${JSON.stringify(text.slice(0, 40))}`);
}

/** Does one piece of work after the other. */
function queue(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
}
