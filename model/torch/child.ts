// The torch engine's process: calls over its pipes, in order, and what is said when it dies.
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { delimiter } from 'node:path';
import { createInterface } from 'node:readline';
import { torchEngineFolder } from '../../contracts/engine-folder.ts';
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import { deathError, replyError, startError } from './child-errors.ts';
import { encodeFrame, readFrames } from './frames.ts';
import type { Frame } from './frames.ts';
import { decodeBody, encodeBody } from './tensors.ts';
import type { FrameTensor } from './tensors.ts';

/** What an engine's process is started with. */
export interface TorchChildOptions {
  /** Program of a Python that has torch, transformers and peft. */
  python: string;
  /** Arguments of the program; default `-m tive_torch`. */
  programArguments?: readonly string[];
  /** Threads of torch's CPU kernels, which its bits depend on; default: the engine's own choice. */
  threadCount?: number | null;
  /** Gets each line that the process writes to stderr. */
  log: (line: string) => void;
}

/** What a call gives back. */
export interface TorchReply {
  result: JsonObject;
  tensors: ReadonlyMap<string, FrameTensor>;
}

interface PendingCall {
  id: number;
  name: string;
  resolve: (reply: TorchReply) => void;
  reject: (error: Error) => void;
}

/** The package that `python -m` runs, in the engine's folder. */
const ENGINE_MODULE = 'tive_torch';

/** Lines of stderr that the error of a death repeats, and how much of each. */
const LAST_LINES = 20;
const LINE_CHARACTERS = 1000;

/**
 * How long a process may outlive its stdout, and its pipes may outlive it: time for last words, which something that it
 * started could make endless.
 */
const GRACE_MS = 1000;

/**
 * One engine process. Its end fails the calls that wait and all later ones; it is never started again. It ends with
 * this process too, however that ends: its stdin closes.
 */
export class TorchChild {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #log: (line: string) => void;
  readonly #pending: PendingCall[] = [];
  readonly #lastLines: string[] = [];
  readonly #ended: Promise<void>;
  #callCount = 0;
  #answerCount = 0;
  /** Why there are no answers any more. */
  #failure: Error | null = null;

  constructor({ python, programArguments = ['-m', ENGINE_MODULE], threadCount = null, log }: TorchChildOptions) {
    this.#log = log;
    // Of a process group of its own: an interrupt from the terminal is for this process, which saves before it ends.
    this.#process = spawn(python, programArguments, {
      env: childEnvironment(threadCount),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      windowsHide: true,
    });
    this.#ended = this.#watch();
    void this.#readReplies();
  }

  /**
   * Asks for one thing. Calls are answered in order; the next may be made before the answer.
   * @param tensors not copied: they must not change before the answer
   * @throws InvalidConfigError, InvalidDatasetError for what the engine refuses; Error for what may pass
   */
  call(name: string, parameters: JsonObject = {}, tensors: readonly FrameTensor[] = []): Promise<TorchReply> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    const id = this.#callCount;
    const parts = encodeFrame({ ...parameters, id, call: name }, encodeBody(tensors));
    this.#callCount += 1;
    return new Promise((resolve, reject) => {
      this.#pending.push({ id, name, resolve, reject });
      for (const part of parts) this.#process.stdin.write(part);
    });
  }

  /** Whether there are no answers any more. */
  hasEnded(): boolean {
    return this.#failure !== null;
  }

  /** Ends the process at once, whatever it does, and waits for its end. */
  async dispose(): Promise<void> {
    this.#failure ??= new Error('torch: the engine must be open for a call, got one that was disposed');
    this.#process.kill('SIGKILL');
    // Where the program was only a wrapper, the engine behind it sees its input end.
    this.#process.stdin.destroy();
    await this.#ended;
  }

  /** Settles when the process has ended and its words are read. Never rejects. */
  #watch(): Promise<void> {
    const { stdin, stderr } = this.#process;
    // What cannot be written was for a process that has ended, which is told below.
    stdin.on('error', () => undefined);
    createInterface({ input: stderr }).on('line', (line) => {
      this.#log(line);
      this.#lastLines.push(line.slice(0, LINE_CHARACTERS));
      if (this.#lastLines.length > LAST_LINES) this.#lastLines.shift();
    });
    return new Promise((resolve) => {
      const end = (error: () => Error): void => {
        this.#fail(error);
        resolve();
      };
      this.#process.once('error', (error) => end(() => startError(this.#process.spawnfile, error)));
      this.#process.once('exit', (code, signal) => {
        const tell = (): void =>
          end(() =>
            deathError({
              code,
              signal,
              during: this.#pending[0]?.name ?? null,
              hasAnswered: this.#answerCount > 0,
              lastLines: this.#lastLines,
            }),
          );
        const timer = setTimeout(tell, GRACE_MS);
        this.#process.once('close', () => {
          clearTimeout(timer);
          tell();
        });
      });
    });
  }

  #fail(error: () => Error): void {
    this.#failure ??= error();
    for (const { reject } of this.#pending.splice(0)) reject(this.#failure);
  }

  /** A stream that breaks the contract ends the process: nothing after it can be trusted. */
  async #readReplies(): Promise<void> {
    const { stdout } = this.#process;
    try {
      for await (const frame of readFrames(stdout)) this.#settle(frame);
    } catch (error) {
      // A stream that ends within a frame is a death, which has a better message.
      if (!stdout.readableEnded) {
        this.#fail(() => new Error(`torch: the engine must answer by frames, got ${(error as Error).message}`));
        this.#process.kill('SIGKILL');
      }
    }
    // It can answer no more; mostly it is about to end by itself, with an exit code that tells why.
    const timer = setTimeout(() => {
      this.#fail(() => new Error('torch: the engine must keep its output open, got its end'));
      this.#process.kill('SIGKILL');
    }, GRACE_MS);
    void this.#ended.then(() => clearTimeout(timer));
  }

  #settle({ head, body }: Frame): void {
    const call = this.#pending[0];
    if (call === undefined || head['id'] !== call.id)
      throw new Error(`an answer to ${JSON.stringify(head['id'])} where ${call?.id ?? 'none'} was due`);
    const { result, error } = head;
    this.#pending.shift();
    this.#answerCount += 1;
    if (isJsonObject(error)) return call.reject(replyError(call.name, error));
    try {
      call.resolve({ result: isJsonObject(result) ? result : {}, tensors: decodeBody(body) });
    } catch (cause) {
      call.reject(new Error(`torch: ${call.name} must give tensors, got ${(cause as Error).message}`, { cause }));
    }
  }
}

/**
 * glibc's heap of tensors: large pages where there are some, and up to 512 MB of what is free are kept for the next
 * batch, since new pages are filled with zeros first. Tensors above 32 MB are given back at once.
 */
const HEAP_SETTINGS = [
  'glibc.malloc.hugetlb=1',
  `glibc.malloc.mmap_threshold=${32 * 1024 ** 2}`,
  `glibc.malloc.trim_threshold=${512 * 1024 ** 2}`,
].join(':');

/**
 * No network, no output that waits, no module out of the folder where the command was started. A user's own settings of
 * the heap win.
 */
function childEnvironment(threadCount: number | null): NodeJS.ProcessEnv {
  const inherited = process.env['PYTHONPATH'];
  return {
    GLIBC_TUNABLES: HEAP_SETTINGS,
    ...process.env,
    PYTHONPATH: [torchEngineFolder(), ...(inherited === undefined || inherited === '' ? [] : [inherited])].join(
      delimiter,
    ),
    PYTHONUNBUFFERED: '1',
    PYTHONSAFEPATH: '1',
    HF_HUB_OFFLINE: '1',
    TRANSFORMERS_OFFLINE: '1',
    TOKENIZERS_PARALLELISM: 'false',
    ...(threadCount === null ? {} : { TIVE_TORCH_THREADS: String(threadCount) }),
  };
}
