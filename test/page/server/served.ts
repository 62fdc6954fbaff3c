// A page over one small finished run, and requests as a browser or anybody else would send them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { afterAll, beforeAll } from 'vitest';
import { withDiskNames } from '../../../contracts/disk-names.ts';
import type { RunResult } from '../../../contracts/messages/run.ts';
import { LocalStore } from '../../../store/local-store.ts';
import { servePage } from '../../../page/server/serve.ts';
import type { ServeOptions, ServedPage } from '../../../page/server/serve.ts';
import { makeRun } from '../../activities/report/report-run.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Question {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Sent in parts, without a length. */
  isChunked?: boolean;
}

/** A request to a server of this machine, its path and headers as they are given. */
export function ask(port: number, path: string, question: Question = {}): Promise<Answer> {
  const { method = 'GET', headers = {}, body, isChunked = false } = question;
  return new Promise((resolve, reject) => {
    const length = body === undefined || isChunked ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request({ host: '127.0.0.1', port, path, method, headers: { ...length, ...headers } }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      );
      response.on('error', reject);
    });
    sent.on('error', reject);
    if (body !== undefined) sent.write(body);
    sent.end();
  });
}

/** A page that is served to the tests of a file. */
export interface TestPage {
  readonly folder: string;
  readonly port: number;
  readonly token: string;
  readonly cookie: string;
  readonly page: ServedPage;
  readonly result: RunResult;
  /** As the page itself asks. */
  ask(path: string, question?: Question): Promise<Answer>;
  get<Value>(path: string): Promise<Value>;
  post(path: string, body: unknown): Promise<Answer>;
}

/** A run `small` of a folder, and a page over it. */
export function usePage(options: Partial<ServeOptions> = {}): TestPage {
  const folder = mkdtempSync(join(tmpdir(), 'tive-page-'));
  let [page, result, cookie] = [null as ServedPage | null, null as RunResult | null, ''];
  const url = (): URL => new URL(page!.link);
  const served: TestPage = {
    folder,
    get port() {
      return Number(url().port);
    },
    get token() {
      return url().searchParams.get('token')!;
    },
    get cookie() {
      return cookie;
    },
    get page() {
      return page!;
    },
    get result() {
      return result!;
    },
    ask: (path, question = {}) =>
      ask(served.port, path, { ...question, headers: { cookie: served.cookie, ...question.headers } }),
    get: async (path) => {
      const answer = await served.ask(path);
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body.toString()}`);
      return JSON.parse(answer.body.toString()) as never;
    },
    post: (path, body) =>
      served.ask(path, { method: 'POST', body: JSON.stringify(body), headers: { 'x-tive-token': served.token } }),
  };
  beforeAll(async () => {
    result = await makeRun(folder, new LocalStore(join(folder, 'store')));
    writeRun(folder, 'small', result);
    page = await servePage({
      runsFolder: join(folder, 'runs'),
      folder,
      version: '0.0.0',
      host: '127.0.0.1',
      port: 0,
      isReadOnly: false,
      appFolder: join(folder, 'app'),
      ...options,
    });
    cookie = cookieOf(await ask(served.port, `/?token=${served.token}`));
  });
  afterAll(async () => {
    await page?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return served;
}

/** The files of a run that has ended. */
export function writeRun(folder: string, name: string, result: RunResult): void {
  const place = join(folder, 'runs', name);
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'result.json'), JSON.stringify({ ...result, runName: name }));
  writeFileSync(join(place, 'recipe.resolved.yaml'), stringify(withDiskNames(result.config)));
  writeFileSync(join(place, 'report.html'), '<!doctype html><script>sort()</script>');
  const late = { row_index: 11, task: 'b', reason: 'gradient_zero', detail: 'row 11: gradient must not be zero' };
  const early = { row_index: 2, task: '=sum', reason: 'answer_empty', detail: 'row 2 turn 1' };
  writeFileSync(join(place, 'quarantine.jsonl'), `${JSON.stringify(early)}\n${JSON.stringify(late)}\n`);
  const line = (level: number, msg: string, stage: string): string =>
    JSON.stringify({ level, time: '2026-01-01T00:00:00.000Z', run: name, msg, stage, shard: 3 });
  writeFileSync(
    join(place, 'log.jsonl'),
    `${[line(30, 'one', 'dataset'), line(40, 'two', 'values'), line(50, 'three', 'dataset')].join('\n')}\n{"level":`,
  );
}

/** The cookie that an answer sets, as it is sent back. */
export function cookieOf({ headers }: Answer): string {
  return (headers['set-cookie']?.[0] ?? '').split(';')[0]!;
}
