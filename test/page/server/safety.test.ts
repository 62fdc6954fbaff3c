import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Session } from '../../../page/api.ts';
import { servePage } from '../../../page/server/serve.ts';
import { ask, cookieOf, usePage } from './served.ts';

const page = usePage();
const readOnly = usePage({ isReadOnly: true });
const recipe = { text: 'model: {}', name: 'mine.yaml' };

describe('a page is opened by its link alone', () => {
  test('the token in the link becomes a cookie that scripts and other sites do not have, and leaves the address', async () => {
    const answer = await ask(page.port, `/?token=${page.token}`);
    expect(answer.status).toBe(200);
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(/^tive-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
    expect(answer.body.toString()).toContain('http-equiv="refresh" content="0;url=/"');
    expect(answer.body.toString()).not.toContain(page.token);
  });

  test('the token has 32 random bytes, and the cookie others', async () => {
    expect(Buffer.from(page.token, 'base64url')).toHaveLength(32);
    expect(page.token).not.toBe(readOnly.token);
    expect(page.cookie).not.toContain(page.token);
    expect((await page.get<Session>('/api/session')).token).toBe(page.token);
  });

  test.each(['/', '/api/session', '/api/runs', '/api/events', '/api/runs/small/rows', '/assets/index.js', '/none'])(
    '%s without a cookie, with another one, or with the wrong token is refused',
    async (path) => {
      const name = page.cookie.split('=')[0]!;
      const others = [{}, { cookie: `${name}=` }, { cookie: `${name}=${page.token}` }, { cookie: readOnly.cookie }];
      for (const headers of others) expect((await ask(page.port, path, { headers })).status).toBe(403);
      const wrong = await ask(page.port, `${path}?token=${readOnly.token}`);
      expect([wrong.status, cookieOf(wrong)]).toEqual([403, '']);
      expect((await ask(page.port, `${path}?token=`)).status).toBe(403);
    },
  );

  test('the token lets in by the link alone, not by other addresses', async () => {
    expect((await ask(page.port, `/api/session?token=${page.token}`)).status).toBe(403);
    expect((await ask(page.port, `/?token=${page.token}`, { method: 'POST' })).status).toBe(403);
  });
});

describe('a page of another site', () => {
  test('does not reach the server by another name for its address', async () => {
    for (const host of ['evil.example', `evil.example:${page.port}`, '127.0.0.1', `127.0.0.1:${page.port + 1}`])
      expect((await page.ask('/api/session', { headers: { host } })).status, host).not.toBe(200);
    expect((await ask(page.port, `/?token=${page.token}`, { headers: { host: 'evil.example' } })).status).toBe(403);
    expect((await page.ask('/api/session', { headers: { host: `localhost:${page.port}` } })).status).toBe(200);
  });

  test('is refused by its origin, though it has the cookie and the token', async () => {
    for (const origin of ['http://evil.example', 'null', `https://127.0.0.1:${page.port}`, 'http://127.0.0.1:1']) {
      const headers = { origin, 'x-tive-token': page.token };
      expect((await page.ask('/api/session', { headers })).status, origin).toBe(403);
      const body = JSON.stringify(recipe);
      expect((await page.ask('/api/recipe/check', { method: 'POST', body, headers })).status, origin).toBe(403);
    }
    const own = { origin: `http://127.0.0.1:${page.port}` };
    expect((await page.ask('/api/session', { headers: own })).status).toBe(200);
  });

  test('is refused where the browser says that it is another port of this machine, or another site', async () => {
    for (const site of ['same-site', 'cross-site'])
      expect((await page.ask('/api/session', { headers: { 'sec-fetch-site': site } })).status).toBe(403);
    for (const site of ['same-origin', 'none'])
      expect((await page.ask('/api/session', { headers: { 'sec-fetch-site': site } })).status).toBe(200);
  });

  test('is let in by no answer: none has headers for other origins, and OPTIONS is refused', async () => {
    const headers = { origin: `http://127.0.0.1:${page.port}` };
    const preflight = { ...headers, 'access-control-request-method': 'POST' };
    const answers = [
      await page.ask('/api/session', { headers }),
      await page.ask('/api/session', { method: 'OPTIONS', headers: preflight }),
      await page.ask('/api/runs/none', { headers }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 403, 404]);
    for (const answer of answers)
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('every answer', () => {
  test.each(['/', '/api/session', '/api/runs/none', '/none'])('%s says what a browser may do with it', async (path) => {
    expect((await page.ask(path)).headers).toMatchObject({
      'content-security-policy':
        "default-src 'self'; img-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'",
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'no-store',
    });
  });

  test('a refusal says it too', async () => {
    const { headers } = await ask(page.port, '/api/session');
    expect(headers['content-security-policy']).toMatch(/^default-src 'self'/);
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  test('the report is a page of no origin that runs its own script and asks for nothing', async () => {
    const { status, headers, body } = await page.ask('/api/runs/small/report');
    expect([status, body.toString()]).toEqual([200, '<!doctype html><script>sort()</script>']);
    const policy = headers['content-security-policy'];
    expect(policy).toMatch(/^sandbox allow-scripts; default-src 'none'; img-src data:; /);
    expect(policy).not.toMatch(/allow-same-origin|connect-src|'self'(?!$)/);
    expect(headers['x-content-type-options']).toBe('nosniff');
  });
});

describe('what changes something', () => {
  const post = (headers: Record<string, string>) =>
    page.ask('/api/recipe/check', { method: 'POST', body: JSON.stringify(recipe), headers });

  test('needs the token of the session in a header', async () => {
    const cookieValue = page.cookie.split('=')[1]!;
    expect((await post({})).status).toBe(403);
    for (const token of ['', cookieValue, readOnly.token, page.token.slice(1)])
      expect((await post({ 'x-tive-token': token })).status).toBe(403);
    expect((await post({ 'x-tive-token': page.token })).status).toBe(200);
  });

  test('needs the cookie too', async () => {
    const headers = { 'x-tive-token': page.token };
    const question = { method: 'POST', body: JSON.stringify(recipe), headers };
    expect((await ask(page.port, '/api/recipe/check', question)).status).toBe(403);
  });

  test('is refused by a read-only page, which answers all else', async () => {
    for (const path of [
      'recipe/check',
      'recipe/save',
      'recipe/run',
      'runs/small/export',
      'runs/small/exclude',
      'runs/small/what-if',
      'runs/small/cancel',
    ]) {
      const { status, body } = await readOnly.post(`/api/${path}`, recipe);
      expect([status, body.toString()], path).toEqual([403, expect.stringContaining('--read-only') as string]);
    }
    expect(await readOnly.get<Session>('/api/session')).toMatchObject({ isReadOnly: true });
    expect((await readOnly.ask('/api/runs/small/rows')).status).toBe(200);
  });

  test('has at most a megabyte, whether it says so or not', async () => {
    const headers = { 'x-tive-token': page.token };
    const body = JSON.stringify({ ...recipe, text: ' '.repeat(1_000_001) });
    for (const isChunked of [false, true]) {
      const answer = await page.ask('/api/recipe/check', { method: 'POST', body, headers, isChunked });
      expect([answer.status, answer.body.toString()]).toEqual([
        400,
        expect.stringContaining('1000000 bytes') as string,
      ]);
    }
    const fits = JSON.stringify({ ...recipe, text: ' '.repeat(900_000) });
    expect((await page.ask('/api/recipe/check', { method: 'POST', body: fits, headers })).status).toBe(200);
  });

  test('goes by POST alone: by GET, PUT and DELETE nothing is done', async () => {
    expect((await page.ask('/api/runs/small/cancel')).status).toBe(404);
    for (const method of ['PUT', 'DELETE', 'PATCH'])
      expect((await page.ask('/api/runs/small', { method, headers: { 'x-tive-token': page.token } })).status).toBe(403);
  });
});

describe('no path comes from the page', () => {
  test.each(['..%2fstore', '%2e%2e', '..', 'SMALL', 'small%2f..%2fsmall', 'small%00', 'a'.repeat(65), 'no-such', '.'])(
    'the name %s is no run',
    async (name) => {
      for (const way of ['', '/log', '/report', '/rows', '/rows/0'])
        expect((await page.ask(`/api/runs/${name}${way}`)).status).toBe(404);
      expect((await page.ask(`/api/compare?left=${name}&right=small`)).status).toBe(404);
      expect((await page.ask(`/api/events?run=${name}`)).status).toBe(404);
      expect((await page.post(`/api/runs/${name}/export`, { form: 'csv', rows: null })).status).toBe(404);
    },
  );

  test.each(['..%2foutside', 'UPPER', '%2e%2e%2foutside'])(
    '%s is no run though files of a run lie there',
    async (name) => {
      for (const place of ['outside', 'runs/UPPER'])
        cpSync(join(page.folder, 'runs/small'), join(page.folder, place), { recursive: true });
      for (const way of ['', '/log', '/report', '/rows'])
        expect((await page.ask(`/api/runs/${name}${way}`)).status).toBe(404);
    },
  );

  test('a folder that is no run’s is none', async () => {
    mkdirSync(join(page.folder, 'runs/empty'), { recursive: true });
    writeFileSync(join(page.folder, 'runs/empty/report.html'), 'secret');
    expect((await page.ask('/api/runs/empty/report')).status).toBe(404);
  });

  test.each([
    '../recipe.yaml',
    '/tmp/recipe.yaml',
    'a/b.yaml',
    '.bashrc',
    'recipe.sh',
    '.yaml',
    'a\\b.yaml',
    'a..yaml',
  ])('a recipe is not saved as %s', async (name) => {
    for (const act of ['check', 'plan', 'run'])
      expect((await page.post(`/api/recipe/${act}`, { ...recipe, name })).status).toBe(400);
  });

  test('a file that the page has not written is not written over', async () => {
    writeFileSync(join(page.folder, 'own.yaml'), 'run: {}');
    const text = `model: { path: ${page.folder} }\ndataset: { path: ${join(page.folder, 'rows.json')} }\n`;
    expect((await page.post('/api/recipe/run', { name: 'own.yaml', text })).status).toBe(409);
  });

  test('settings of another selection name no file', async () => {
    const question = { method: 'tive', lambda: null, budget: null, filters: [], settings: [] };
    const named = await page.post('/api/runs/small/what-if', { ...question, settings: ['selection.query_path=/x'] });
    expect([named.status, named.body.toString()]).toEqual([
      400,
      expect.stringContaining('must name no file') as string,
    ]);
    for (const settings of [['--output=x'], ['lambda']])
      expect((await page.post('/api/runs/small/what-if', { ...question, settings })).status).toBe(400);
    for (const filters of [['a]'], ['a, b'], ['../x']])
      expect((await page.post('/api/runs/small/what-if', { ...question, filters })).status).toBe(400);
  });

  test('a picture is named by its row and number', async () => {
    for (const picture of ['..%2f0', '-1', '0.png', '1e3', ' '].map(encodeURI))
      expect((await page.ask(`/api/runs/small/rows/0/pictures/${picture}`)).status).not.toBe(200);
  });
});

describe('the front-end', () => {
  test('is told how to be built where it is missing', async () => {
    const { status, headers, body } = await page.ask('/');
    expect([status, headers['content-type']]).toEqual([200, expect.stringMatching(/^text\/html/) as string]);
    expect(body.toString()).toContain('npm run build');
  });

  test('is its own files and no others', async () => {
    const folder = join(page.folder, 'built/page-app');
    mkdirSync(join(folder, 'assets'), { recursive: true });
    writeFileSync(join(folder, 'index.html'), '<!doctype html><title>app</title>');
    writeFileSync(join(folder, 'assets/index.js'), 'export {};');
    writeFileSync(join(folder, '../secret.json'), '{}');
    const options = { runsFolder: page.folder, folder, version: '0', host: '127.0.0.1', port: 0, isReadOnly: true };
    const own = await servePage({ ...options, appFolder: folder });
    try {
      const port = Number(new URL(own.link).port);
      const cookie = cookieOf(await ask(port, `/${new URL(own.link).search}`));
      const get = async (path: string) => ask(port, path, { headers: { cookie } });
      expect((await get('/')).body.toString()).toContain('<title>app</title>');
      const script = await get('/assets/index.js');
      expect([script.status, script.headers['content-type']]).toEqual([200, 'text/javascript; charset=utf-8']);
      for (const path of ['/../secret.json', '/%2e%2e/secret.json', '/assets/..%2f..%2fsecret.json', '/assets', '/x'])
        expect((await get(path)).status, path).toBe(404);
    } finally {
      await own.close();
    }
  });
});

describe('the address', () => {
  test('is this machine’s alone; any other is told of', async () => {
    expect(page.page).toMatchObject({
      isReachable: false,
      link: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\//) as string,
    });
    const options = { runsFolder: page.folder, folder: page.folder, version: '0', port: 0, isReadOnly: true };
    const open = await servePage({ ...options, host: '0.0.0.0' });
    await open.close();
    expect(open.isReachable).toBe(true);
  });

  test('that is taken is refused by name', async () => {
    const options = { runsFolder: page.folder, folder: page.folder, version: '0', isReadOnly: true };
    await expect(servePage({ ...options, host: '127.0.0.1', port: page.port })).rejects.toThrow(
      /must be free and of this machine, got 127.0.0.1:\d+ \(EADDRINUSE\)/,
    );
  });
});
