// The protocol of a scorer of the user's own, with real processes.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { runScorer, scorerHash } from '../../../activities/training/answer-scorer.ts';
import type { AskedAnswer } from '../../../activities/training/answer-scorer.ts';
import { InvalidConfigError } from '../../../contracts/failures.ts';

const folder = mkdtempSync(join(tmpdir(), 'tive-scorer-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS: AskedAnswer[] = [3, 5, 8].map((id) => ({
  id,
  task: 'vqa',
  question: `What is ${id}?\nSay "it".`,
  reference: String(id),
  answer: id === 5 ? 'wrong' : `It is ${id}.`,
}));

let count = 0;
/** An executable of these lines of JavaScript; `rows` are those that it is given. */
function scorer(body: string): string {
  const path = join(folder, `scorer-${(count += 1)}.mjs`);
  const read = `import { readFileSync } from 'node:fs';
const rows = readFileSync(0, 'utf8').trim().split('\\n').map((line) => JSON.parse(line));
const give = (id, score) => console.log(JSON.stringify({ id, score }));`;
  writeFileSync(path, `#!${process.execPath}\n${read}\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Scores, and what was logged. */
async function run(path: string, options: { limitMs?: number; signal?: AbortSignal } = {}, rows = ROWS) {
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const { signal = new AbortController().signal, ...rest } = options;
  const scores = await runScorer(path, 'vqa', rows, { signal, log, ...rest });
  return { scores: Object.fromEntries(scores), lines };
}

async function problemOf(running: Promise<unknown>): Promise<string> {
  const error = await running.then(
    () => null,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(InvalidConfigError);
  return (error as Error).message;
}

describe('a scorer of one’s own', () => {
  test('gets every row with its texts, and gives a score for each in any order', async () => {
    const path = scorer(`for (const row of rows.reverse()) give(row.id, row.answer.includes(row.reference) ? 1 : 0.25);
      console.log('');`);
    expect(await run(path)).toEqual({ scores: { 3: 1, 5: 0.25, 8: 1 }, lines: [] });
  });

  test('gets exactly these keys, is given no argument, and works in its own folder', async () => {
    const path = scorer(`import { writeFileSync } from 'node:fs';
      writeFileSync('seen.json', JSON.stringify([rows[0], process.argv.length, process.cwd()]));
      for (const row of rows) give(row.id, 1);`);
    await run(path);
    const seen = JSON.parse(readFileSync(join(folder, 'seen.json'), 'utf8')) as unknown;
    expect(seen).toEqual([ROWS[0], 2, folder]);
  });

  test('needs no shell: a path with spaces and signs is one program', async () => {
    const odd = join(folder, 'a $(touch gone) ; b');
    mkdirSync(odd);
    const path = join(odd, 'run.mjs');
    writeFileSync(path, readFileSync(scorer('for (const row of rows) give(row.id, 0);')));
    chmodSync(path, 0o755);
    expect((await run(path)).scores).toEqual({ 3: 0, 5: 0, 8: 0 });
  });

  test('may leave its input unread where it knows the scores', async () => {
    const path = join(folder, 'blind.sh');
    writeFileSync(path, `#!/bin/sh\nfor id in 3 5 8; do echo "{\\"id\\": $id, \\"score\\": 0.5}"; done\n`);
    chmodSync(path, 0o755);
    const many = Array.from({ length: 20_000 }, (_, id) => ({ ...ROWS[0]!, id }));
    expect((await run(path)).scores).toEqual({ 3: 0.5, 5: 0.5, 8: 0.5 });
    expect(await problemOf(run(path, {}, many))).toMatch(/^evaluation\.scorers\.vqa: each of 20,000 rows must get a score, got none for 0, 1, 2, 4, 6 and 19,992 more; print/); // oxfmt-ignore
  });

  test('is shown by the last lines of its stderr in the log', async () => {
    const path = scorer(`for (let line = 0; line < 50; line += 1) console.error('line ' + line);
      for (const row of rows) give(row.id, 1);`);
    const { lines } = await run(path);
    expect(lines).toHaveLength(20);
    expect(lines.at(-1)).toBe('evaluation.scorers.vqa: line 49');
  });
});

const python = spawnSync('python3', ['--version']).status === 0;
test.skipIf(!python)('the example of a scorer does as it must', async () => {
  const path = join(import.meta.dirname, '../../../examples/scorers/contains.py');
  expect((await run(path)).scores).toEqual({ 3: 1, 5: 0, 8: 1 });
});

describe('a scorer that does not do as it must ends in an error that says so', () => {
  const GOOD = 'for (const row of rows) give(row.id, 1);';

  test.each([
    ['a row without a score', 'give(3, 1); give(8, 1);', /each of 3 rows must get a score, got none for 5; print one line/],
    ['an id that was not asked', `${GOOD} give(99, 1);`, /ids must be those of its rows, got 99; print/],
    ['an id as text', `give('3', 1);`, /ids must be those of its rows, got "3"; print/],
    ['an id that comes twice', `${GOOD} give(5, 1);`, /every id must come once, got 5 twice; print/],
    ['a score above 1', 'give(3, 1.5);', /scores must be numbers in \[0, 1\], got 1\.5 for 3; print/],
    ['a score below 0', 'give(3, -0.1);', /scores must be numbers in \[0, 1\], got -0\.1 for 3; print/],
    ['a score that is no number', `give(3, 'good');`, /scores must be numbers in \[0, 1\], got "good" for 3; print/],
    ['a score of NaN', 'give(3, NaN);', /scores must be numbers in \[0, 1\], got null for 3; print/],
    ['a line that is no JSON', `console.log('done');`, /line 1 must be \{"id", "score"\}, got "done"; print/],
    ['a line without a score', `console.log('{"id": 3}');`, /line 1 must be \{"id", "score"\}, got "\{\\"id\\": 3\}"; print/],
    ['an exit code', `console.error('no key'); process.exit(3);`, /must end with code 0, got 3; its last words: no key; mend .*\.mjs$/],
    ['an exit code behind all scores', `${GOOD} process.exitCode = 1;`, /must end with code 0, got 1; mend/],
    ['a signal', `process.kill(process.pid, 'SIGTERM'); setTimeout(() => undefined, 5000);`, /must end with code 0, got its end by SIGTERM; mend/],
  ])('%s', async (_, body, message) => {
    const problem = await problemOf(run(scorer(body)));
    expect(problem).toMatch(/^evaluation\.scorers\.vqa: /);
    expect(problem).toMatch(message);
  }); // oxfmt-ignore

  test('output without end', async () => {
    const path = join(folder, 'endless.sh');
    writeFileSync(path, '#!/bin/sh\nexec yes\n');
    chmodSync(path, 0o755);
    expect(await problemOf(run(path))).toMatch(
      /^evaluation\.scorers\.vqa: must print at most 1,051,648 bytes for 3 rows, got more; mend/,
    );
  });

  test('no end in time', async () => {
    const path = scorer('setInterval(() => undefined, 1000);');
    expect(await problemOf(run(path, { limitMs: 300 }))).toMatch(
      /^evaluation\.scorers\.vqa: must end within 0\.3 s for 3 rows, got no end; mend/,
    );
  });

  test('nothing that can start', async () => {
    const plain = join(folder, 'plain.txt');
    writeFileSync(plain, 'no program');
    expect(await problemOf(scorerHash('vqa', plain))).toBe(
      `evaluation.scorers.vqa: must be executable, got ${plain} without the right; chmod +x it`,
    );
    chmodSync(plain, 0o755);
    expect(await scorerHash('vqa', plain)).toMatch(/^[0-9a-f]{64}$/);
    writeFileSync(plain, '#!/no/such/interpreter\n');
    expect(await problemOf(run(plain))).toMatch(
      /^evaluation\.scorers\.vqa: must start, got spawn .* ENOENT; a script begins with #! and its interpreter; mend/,
    );
    expect(await problemOf(scorerHash('vqa', join(folder, 'gone')))).toMatch(/file must exist, got none at /);
    expect(await problemOf(scorerHash('vqa', folder))).toMatch(/must be a file, got a folder at /);
  });
});

test('a scorer that is given up ends, with what it has started', async () => {
  const mark = join(folder, 'started');
  const path = scorer(`import { spawn } from 'node:child_process';
    import { writeFileSync } from 'node:fs';
    const { pid } = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'inherit' });
    writeFileSync('${mark}', String(pid));
    setInterval(() => undefined, 1000);`);
  const stop = new AbortController();
  const running = run(path, { signal: stop.signal });
  const started = await vi.waitFor(
    () => {
      const pid = Number(readFileSync(mark, 'utf8'));
      expect(pid).toBeGreaterThan(0);
      return pid;
    },
    { timeout: 10_000 },
  );
  expect(isAlive(started)).toBe(true);
  stop.abort();
  expect(await problemOf(running)).toMatch(/must end with code 0, got its end by SIGKILL/);
  await vi.waitFor(() => expect(isAlive(started)).toBe(false), { timeout: 10_000 });
});

/** A process that has ended may wait for its parent to ask. */
function isAlive(pid: number): boolean {
  const state = spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim();
  return state !== '' && !state.startsWith('Z');
}
