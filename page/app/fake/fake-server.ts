// A server that says what the contract allows, about made-up runs: for tests of the page, and to look at it by hand.
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import type { RecipeText, Session, WhatIfQuestion } from '../../api.ts';
import { fakeNearest, fakePage, fakeRowView, ROW_COUNT } from './fake-rows.ts';
import { FAKE_EXCLUDED, FAKE_PLAN, FAKE_RUNS, fakeComparison, fakeLog, fakeRun, fakeWhatIf } from './fake-runs.ts';

/** What the page may load: the policy of the real server. */
export const POLICY = "default-src 'self'; img-src 'self'";

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const PICTURE =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 48"><rect width="64" height="48" fill="#dde"/><circle cx="40" cy="26" r="12" fill="#36c"/><rect x="8" y="12" width="16" height="16" fill="#c33"/></svg>';

/** What the server is. */
export interface FakeOptions {
  /** The built page. */
  folder: string;
  /** The recipe's JSON schema. */
  schema: unknown;
  /** No runs at all. */
  isEmpty?: boolean;
  isReadOnly?: boolean;
  /** 0 = any that is free. */
  port?: number;
}

/** A server at work. */
export interface FakeServer {
  address: string;
  /** `POST` requests so far: path and body. */
  posts: { path: string; body: unknown }[];
  close(): Promise<void>;
}

/** Starts on 127.0.0.1. */
export async function startFakeServer(options: FakeOptions): Promise<FakeServer> {
  const posts: FakeServer['posts'] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    response.setHeader('content-security-policy', POLICY);
    if (!url.pathname.startsWith('/api/')) sendFile(options.folder, url.pathname, response);
    else if (request.method === 'POST') {
      void readBody(request).then((body) => {
        posts.push({ path: url.pathname, body });
        if (request.headers['x-tive-token'] !== 'token')
          send(response, 403, { message: 'page: the token must be right' });
        else send(response, ...answerToPost(url, body));
      });
    } else if (url.pathname === '/api/events') sendEvents(url, options, response);
    else sendAnswer(url, options, response);
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function sendFile(folder: string, path: string, response: ServerResponse): void {
  const file = join(folder, normalize(path === '/' ? '/index.html' : path));
  if (!file.startsWith(folder) || !existsSync(file)) {
    send(response, 404, { message: `page: must be a file, got ${path}` });
    return;
  }
  response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
  createReadStream(file).pipe(response);
}

function sendEvents(url: URL, { isEmpty }: FakeOptions, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(`event: runs\ndata: ${JSON.stringify(isEmpty ? [] : FAKE_RUNS)}\n\n`);
  const runName = url.searchParams.get('run') ?? '';
  let [seconds, told] = [0, ''];
  const tell = (): void => {
    const text = JSON.stringify(fakeRun(runName, seconds));
    if (text !== 'null' && text !== told) response.write(`event: run\ndata: ${text}\n\n`);
    told = text;
    seconds += 1;
  };
  tell();
  const timer = setInterval(tell, 1000);
  response.on('close', () => clearInterval(timer));
}

function sendAnswer(url: URL, options: FakeOptions, response: ServerResponse): void {
  const [first, name, part, index, pictures] = url.pathname.slice('/api/'.length).split('/').map(decodeURIComponent);
  const query = url.searchParams;
  if (first === 'session') {
    const session: Session = {
      version: '0.1.0',
      isReadOnly: options.isReadOnly ?? false,
      runsFolder: './runs',
      places: { cluster: { address: 'temporal:7233', problem: null }, store: { uri: 's3://team/tive', problem: null } },
      token: 'token',
    };
    return send(response, 200, session);
  }
  if (first === 'compare') return send(response, 200, fakeComparison(query.get('left')!, query.get('right')!));
  if (first === 'recipe') return send(response, 200, options.schema);
  if (first !== 'runs') return send(response, 404, { message: `page: must be a way in, got ${url.pathname}` });
  if (name === undefined) return send(response, 200, options.isEmpty ? [] : FAKE_RUNS);
  const run = fakeRun(name);
  if (run === null) return send(response, 404, { message: `runs: "${name}" must be a run of ./runs, got none` });
  if (part === undefined) return send(response, 200, run);
  if (part === 'log') return send(response, 200, fakeLog(query.get('stage'), Number(query.get('limit'))));
  if (part === 'report') return send(response, 200, run.verdict);
  if (index === undefined) return send(response, 200, fakePage(query));
  if (pictures === 'nearest') return send(response, 200, fakeNearest(Number(index)));
  if (pictures !== undefined) {
    response.writeHead(200, { 'content-type': 'image/svg+xml' }).end(PICTURE);
    return undefined;
  }
  if (Number(index) >= ROW_COUNT)
    return send(response, 404, { message: `rows: must be below ${ROW_COUNT}, got ${index}` });
  return send(response, 200, fakeRowView(Number(index)));
}

function answerToPost(url: URL, body: unknown): [number, unknown] {
  const [first, name, part] = url.pathname.slice('/api/'.length).split('/');
  if (first === 'recipe') return answerToRecipe(name ?? '', body as RecipeText);
  if (part === 'what-if') return [200, fakeWhatIf(body as WhatIfQuestion)];
  if (part === 'export') return [200, { message: 'wrote runs/export.json', runName: null, command: 'tive export' }];
  if (part === 'exclude') return [200, FAKE_EXCLUDED];
  return [200, { message: `${part}: done`, runName: null, command: `tive ${part} ${name}` }];
}

/** A recipe is wrong where it has `sketch: 0`. */
function answerToRecipe(part: string, { text, name }: RecipeText): [number, unknown] {
  const findings = /sketch: 0\b/.test(text)
    ? [{ message: 'gradients.sketch: must be at least 1, got 0', key: 'gradients.sketch' }]
    : [];
  if (part === 'check') return [200, { findings, resolved: text, runName: 'first', command: `tive run ${name}` }];
  if (part === 'plan') return [200, FAKE_PLAN];
  if (part === 'save') return [200, { message: `saved as ${name}`, runName: null, command: `tive run ${name}` }];
  return [200, { message: 'the run has begun:', runName: 'mix-at-work', command: `tive run ${name}` }];
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const part of request) text += String(part);
  return text === '' ? null : (JSON.parse(text) as unknown);
}

function send(response: ServerResponse, status: number, answer: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}
