import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { torchEngineFolder } from '../../../contracts/engine-folder.ts';
import { InvalidConfigError, InvalidDatasetError, NON_RETRYABLE_ERRORS } from '../../../contracts/failures.ts';
import { TorchChild } from '../../../model/torch/child.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures');
const PROGRAM = join(FIXTURES, 'torch_child.py');
const PYTHON = 'python3';
const hasPython = spawnSync(PYTHON, ['--version']).status === 0;

function start(options: { python?: string; programArguments?: string[]; threadCount?: number } = {}) {
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const child = new TorchChild({ python: PYTHON, programArguments: [PROGRAM], log, ...options });
  onTestFinished(() => child.dispose());
  return { child, lines };
}

/** The error of a call that fails. */
async function failure(call: Promise<unknown>): Promise<Error> {
  return call.then(
    () => new Error('the call succeeded'),
    (error: Error) => error,
  );
}

const isRetried = ({ name }: Error): boolean => !NON_RETRYABLE_ERRORS.some((kind) => kind === name);

describe.skipIf(!hasPython)('a call', () => {
  test('carries arguments and tensors there and back', async () => {
    const { child } = start();
    const values = Float32Array.of(1.5, -2);
    const { result, tensors } = await child.call('echo', { text: 'é', list: [1, null] }, [
      { name: 'x', shape: [2], values },
    ]);
    expect(result).toEqual({ text: 'é', list: [1, null] });
    expect(tensors.get('x')).toEqual({ name: 'x', shape: [2], values });
  });

  test('writes tensors as the format is defined, each at a multiple of its size', async () => {
    const { child } = start();
    const { result } = await child.call('unpack', {}, [
      { name: 'picture', shape: [1, 1, 3], values: Uint8Array.of(1, 2, 255) },
      { name: 'ids', shape: [2], values: Int32Array.of(5, -100) },
      { name: 'first', shape: [2, 1], values: Float32Array.of(0.5, -8) },
      { name: 'loss', shape: [1], values: Float64Array.of(Math.PI) },
      { name: 'large', shape: [1], values: BigInt64Array.of(-7n) },
    ]);
    expect(result).toEqual({
      picture: { dtype: 'U8', shape: [1, 1, 3], values: [1, 2, 255], aligned: true },
      ids: { dtype: 'I32', shape: [2], values: [5, -100], aligned: true },
      first: { dtype: 'F32', shape: [2, 1], values: [0.5, -8], aligned: true },
      loss: { dtype: 'F64', shape: [1], values: [Math.PI], aligned: true },
      large: { dtype: 'I64', shape: [1], values: [-7], aligned: true },
    });
  });

  test('reads tensors that lie unaligned, in any order of types', async () => {
    const { child } = start();
    const entries = [
      ['u', 'U8', [1, 2, 3]],
      ['d', 'F64', [Math.E]],
      ['i', 'I32', [-1, 2]],
    ];
    const { tensors } = await child.call('pack', { entries });
    expect([...tensors.values()].map(({ values }) => values)).toEqual([
      Uint8Array.of(1, 2, 3),
      Float64Array.of(Math.E),
      Int32Array.of(-1, 2),
    ]);
  });

  test('is answered though its answer comes byte by byte', async () => {
    const { child } = start();
    const { result, tensors } = await child.call('echo', { piece: 1 }, [
      { name: 'x', shape: [3], values: Int32Array.of(1, 2, 3) },
    ]);
    expect([result, tensors.get('x')?.values]).toEqual([{ piece: 1 }, Int32Array.of(1, 2, 3)]);
  });

  test('carries bodies far larger than a pipe holds', async () => {
    const { child } = start();
    const values = Float32Array.from({ length: 5_000_000 }, (_, index) => index);
    const [echoed, big] = await Promise.all([
      child.call('echo', {}, [{ name: 'x', shape: [values.length], values }]),
      child.call('big', { count: 3_000_000 }),
    ]);
    expect(echoed.tensors.get('x')?.values).toEqual(values);
    expect(big.tensors.get('big')?.values).toEqual(new Uint8Array(3_000_000).fill(7));
  });

  test('is answered in order, also where many wait', async () => {
    const { child } = start();
    const answers: unknown[] = [];
    const calls = Array.from({ length: 200 }, (_, number) =>
      child.call('echo', { number }).then(({ result }) => answers.push(result['number'])),
    );
    await Promise.all(calls);
    expect(answers).toEqual(Array.from({ length: 200 }, (_, number) => number));
  });

  test('runs without the network, apart from the terminal, by the threads that were asked for', async () => {
    vi.stubEnv('PYTHONPATH', '/elsewhere');
    onTestFinished(() => void vi.unstubAllEnvs());
    const { child } = start({ threadCount: 3 });
    const { result } = await child.call('environment');
    expect(result['variables']).toMatchObject({
      PYTHONPATH: `${torchEngineFolder()}${delimiter}/elsewhere`,
      HF_HUB_OFFLINE: '1',
      TRANSFORMERS_OFFLINE: '1',
      PYTHONUNBUFFERED: '1',
      TIVE_TORCH_THREADS: '3',
    });
    expect(result['group']).toBe(result['pid']);
  });

  test('leaves what the engine says to the log, line by line', async () => {
    const { child, lines } = start();
    await child.call('say', { lines: ['loading', 'loaded'] });
    await child.dispose();
    expect(lines).toEqual(['loading', 'loaded']);
  });
});

describe.skipIf(!hasPython)('an error of the engine', () => {
  test.each([
    ['config', InvalidConfigError, 'model: config.json must be there, got none'],
    ['data', InvalidDatasetError, 'rows: pictures must be RGB, got 4 channels'],
  ])('of kind %s is not retried', async (kind, type, message) => {
    const { child } = start();
    const error = await failure(child.call('fail', { kind, message }));
    expect(error).toBeInstanceOf(type);
    expect([error.message, isRetried(error)]).toEqual([message, false]);
  });

  test('of memory is retried, and says in the words that advice is given on that it was memory', async () => {
    const { child } = start();
    const message = 'CUDA out of memory. Tried to allocate 2 GiB';
    expect(await failure(child.call('fail', { kind: 'memory', message }))).toEqual(new Error(message));
    expect(await failure(child.call('fail', { kind: 'memory', message: 'DefaultCPUAllocator: 8 GB' }))).toEqual(
      new Error('torch: fail: out of memory: DefaultCPUAllocator: 8 GB'),
    );
  });

  test('of its own is retried', async () => {
    const { child } = start();
    const error = await failure(child.call('fail', { kind: 'internal', message: 'ValueError: 3' }));
    expect([error.message, isRetried(error)]).toEqual(['torch: fail must succeed, got ValueError: 3', true]);
  });

  test('leaves the process to later calls', async () => {
    const { child } = start();
    const [, { result }] = await Promise.all([
      failure(child.call('fail', { kind: 'config', message: 'no' })),
      child.call('echo', { still: 'there' }),
    ]);
    expect(result).toEqual({ still: 'there' });
  });
});

describe.skipIf(!hasPython)('a process that ends', () => {
  test('fails its call with its exit code and its last twenty lines, and all calls that wait or come later', async () => {
    const { child } = start();
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`);
    await child.call('echo');
    const [first, second] = await Promise.all([
      failure(child.call('exit', { code: 3, lines })),
      failure(child.call('echo')),
    ]);
    expect(first.message).toBe(
      `torch: the engine's process must answer exit, got its end by exit code 3; it said last:\n${lines.slice(10).join('\n')}`,
    );
    expect([second, isRetried(first)]).toEqual([first, true]);
    expect(await failure(child.call('echo'))).toBe(first);
  });

  test('by SIGKILL may have been out of memory', async () => {
    const { child } = start();
    expect(await failure(child.call('kill'))).toEqual(
      new Error("torch: the engine's process must answer kill, got its end by SIGKILL (out of memory?)"),
    );
  });

  test('within an answer fails like any other', async () => {
    const { child } = start();
    expect(await failure(child.call('half'))).toEqual(
      new Error("torch: the engine's process must answer half, got its end by exit code 9"),
    );
  });

  test('before its first answer for want of a package is the caller’s to mend', async () => {
    const { child } = start({ programArguments: ['-m', 'tive_no_such_module_here'] });
    const error = await failure(child.call('describe'));
    expect(error.message).toMatch(/must answer describe, got its end by exit code 1; it said last:\n.*No module named/);
    const lacking = start({ programArguments: ['-c', 'import tive_no_such_module_here'] });
    const refusal = await failure(lacking.child.call('describe'));
    expect(refusal).toBeInstanceOf(InvalidConfigError);
    expect(refusal.message).toBe(
      "torch: Python must have torch, transformers and peft, got ModuleNotFoundError: No module named 'tive_no_such_module_here'; " +
        'run `tive setup torch`, or set TIVE_PYTHON',
    );
  });
});

describe.skipIf(!hasPython)('a process is ended', () => {
  test('by dispose, whatever it does, and its calls fail', async () => {
    const { child } = start();
    const computing = failure(child.call('compute'));
    await child.dispose();
    const closed = new Error('torch: the engine must be open for a call, got one that was disposed');
    expect(await computing).toEqual(closed);
    expect(await failure(child.call('echo'))).toEqual(closed);
    await child.dispose();
  });

  test.each([
    ['prints between frames', 'print', /^torch: the engine must answer by frames, got torch frame: head must /],
    [
      'answers another call',
      'wrong_id',
      'torch: the engine must answer by frames, got an answer to 99 where 0 was due',
    ],
    ['closes its output', 'close_output', 'torch: the engine must keep its output open, got its end'],
  ])('where it %s', async (_, call, message) => {
    const { child } = start();
    const error = await failure(child.call(call));
    expect(error.message).toMatch(message);
    expect(isRetried(error)).toBe(true);
    expect(await failure(child.call('echo'))).toBe(error);
  });

  test('when its parent is killed by SIGKILL, also while it computes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tive-torch-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'alive');
    const server = createServer().listen(path);
    onTestFinished(() => void server.close());
    const connected = once(server, 'connection') as Promise<[Socket]>;
    const parent = fork(join(FIXTURES, 'torch-parent.ts'), [PYTHON, PROGRAM, path], {
      execArgv: ['--import', import.meta.resolve('tsx')],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [[socket]] = await Promise.all([connected, once(parent, 'message')]);
    // The system closes it when the engine's process has ended.
    const ended = once(socket.resume(), 'close');
    parent.kill('SIGKILL');
    await ended;
  });
});

describe('a program that cannot be started', () => {
  test('is the caller’s to mend', async () => {
    const { child } = start({ python: '/no/such/python' });
    const error = await failure(child.call('describe'));
    expect(error).toBeInstanceOf(InvalidConfigError);
    expect(error.message).toBe(
      'torch: the Python program /no/such/python must start, got spawn /no/such/python ENOENT; run `tive setup torch`, or set TIVE_PYTHON',
    );
    expect(await failure(child.call('describe'))).toBe(error);
  });
});
