// The torch engine's own tests, in Python: each family's rows, gradients, steps and scores, one call at a time.
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { torchEngineFolder } from '../../contracts/engine-folder.ts';
import { describeTorch } from '../torch-environment.ts';

describeTorch('the torch engine’s Python', (python) => {
  test('passes its own tests', { timeout: 600_000 }, async () => {
    const folder = torchEngineFolder();
    const words = ['-m', 'unittest', 'discover', '-s', `${folder}/tests`, '-t', folder];
    const child = spawn(python, words, { env: { ...process.env, OMP_NUM_THREADS: '1' } });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => (text += part));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code, text).toBe(0);
    expect(Number(/^Ran (\d+) tests/m.exec(text)?.[1])).toBeGreaterThan(100);
    expect(text).toMatch(/^OK/m);
  });
});
