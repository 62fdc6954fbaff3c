// A run on the torch engine whose models answer in free text, scored by a program of the recipe's own folder.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { describeTorch } from '../../torch-environment.ts';
import { tive, useCluster } from '../in-process.ts';
import { writeSmallDataset } from '../small-dataset.ts';

const TIMEOUT_MS = 300_000;

describeTorch('a run whose models answer in free text', (python) => {
  const folder = mkdtempSync(join(tmpdir(), 'tive-answers-run-'));
  beforeAll(() => void vi.stubEnv('TIVE_PYTHON', python));
  const cluster = useCluster();
  afterAll(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });

  test(
    'shows their scores beside the others, of every model',
    async () => {
      writeSmallDataset(folder);
      const scorer = join(folder, 'score.mjs');
      writeFileSync(
        scorer,
        `#!${process.execPath}
import { createInterface } from 'node:readline';
for await (const line of createInterface({ input: process.stdin })) {
  const { id, question, reference } = JSON.parse(line);
  // What is 3 and 2? The answer is the sum.
  const [left, right] = question.match(/\\d+/g).map(Number);
  console.log(JSON.stringify({ id, score: left + right === Number(reference) ? 0.25 : 0 }));
}
`,
      );
      chmodSync(scorer, 0o755);
      const settings = ['model.engine=torch', 'warmup.epochs=1', 'finetune.epochs=1', 'evaluation.generate=true'];
      const answers = ['evaluation.answer_tokens=8', 'evaluation.scorers={ sum: score.mjs }'];
      const words = ['run', 'recipe.yaml', ...settings, ...answers, '--address', cluster.address];
      const done = await tive(folder, ...words);
      expect(done.exitCode, done.stderr).toBe(0);
      const place = join(folder, 'runs', 'small');
      const result = JSON.parse(readFileSync(join(place, 'result.json'), 'utf8')) as RunResult;
      const evaluations = [...result.methods.map(({ evaluation }) => evaluation!), result.baseEvaluation!];
      for (const { tasks, macroGenerated } of evaluations) {
        expect(macroGenerated).toBe(0.25);
        expect(tasks.map(({ task, generated }) => [task, generated])).toEqual([
          ['name', null],
          ['sum', { rowCount: 12, scoreSum: 3, isOwnScorer: true }],
          ['tell', null],
        ]);
      }
      const page = readFileSync(join(place, 'report.html'), 'utf8').replaceAll('\u00a0', ' ');
      expect(page).toContain('Left out, since their answers are not short: name, tell.');
      expect(page).toContain('Scored by scorers of your own instead: sum.');
      expect(done.stdout + done.stderr).toContain('(generated 25.0 %)');
    },
    TIMEOUT_MS,
  );
});
