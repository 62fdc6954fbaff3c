import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { hubAdvice, hubSnapshot, isHubId } from '../../../client/recipe/hub-cache.ts';
import { loadRecipe } from '../../../client/recipe/recipe.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tive-hub-'));
  vi.stubEnv('HF_HUB_CACHE', '');
  vi.stubEnv('HF_HOME', root);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true, force: true });
});

/** A repository as the Hub's client leaves it. */
function download(kind: string, id: string, revisions: string[], main: string | null): string[] {
  const repository = join(root, 'hub', `${kind}s--${id.replace('/', '--')}`);
  const folders = revisions.map((revision) => join(repository, 'snapshots', revision));
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  mkdirSync(join(repository, 'refs'), { recursive: true });
  if (main !== null) writeFileSync(join(repository, 'refs/main'), main);
  return folders;
}

describe('a downloaded repository', () => {
  test('is the state that refs/main names, or the only one', () => {
    const [, second] = download('model', 'a/b', ['one', 'two'], 'two');
    const [only] = download('dataset', 'a/b', ['one'], null);
    expect(hubSnapshot('model', 'a/b')).toBe(second);
    expect(hubSnapshot('dataset', 'a/b')).toBe(only);
  });

  test('is none where nothing was downloaded, or another state than refs/main names', () => {
    download('model', 'a/b', ['one'], 'gone');
    download('model', 'a/c', ['one', 'two'], null);
    expect(['a/b', 'a/c', 'a/d'].map((id) => hubSnapshot('model', id))).toEqual([null, null, null]);
  });

  test('lies where HF_HUB_CACHE, HF_HOME or the user’s cache says', () => {
    const [folder] = download('model', 'a/b', ['one'], 'one');
    vi.stubEnv('HF_HUB_CACHE', join(root, 'hub'));
    vi.stubEnv('HF_HOME', '/nowhere');
    expect(hubSnapshot('model', 'a/b')).toBe(folder);
    vi.stubEnv('HF_HUB_CACHE', '');
    expect(hubSnapshot('model', 'a/b')).toBeNull();
    vi.stubEnv('HF_HOME', '');
    vi.stubEnv('XDG_CACHE_HOME', '/caches');
    expect(hubAdvice('dataset', 'a/b')).toBe(
      '"a/b" is not in the Hub\'s cache /caches/huggingface/hub either; fetch it: hf download a/b --repo-type dataset',
    );
  });
});

test.each([
  ['llava-hf/llava-1.5-7b-hf', true],
  ['a/b/c', false],
  ['model', false],
  ['../b', false],
  ['./b', false],
  ['a/..', false],
])('%s is an id: %s', (text, isId) => {
  expect(isHubId(text)).toBe(isId);
});

describe('a recipe', () => {
  const recipe = (text: string): string => {
    const path = join(root, 'recipe.yaml');
    writeFileSync(path, text);
    return path;
  };

  test('takes models and data from the cache, but a folder of the name first', () => {
    const [model] = download('model', 'owner/model', ['one'], 'one');
    const [data] = download('dataset', 'owner/rows', ['one'], 'one');
    writeFileSync(join(data!, 'rows.parquet'), '');
    const path = recipe('model: { path: owner/model }\ndataset: { path: owner/rows }\n');
    const { config } = loadRecipe(path);
    expect(config.model.path).toBe(model);
    expect(config.dataset.path).toEqual([join(data!, 'rows.parquet')]);
    mkdirSync(join(root, 'owner/model'), { recursive: true });
    expect(loadRecipe(path).config.model.path).toBe(join(root, 'owner/model'));
  });

  test('names the command that fetches what is not there', () => {
    const path = recipe('model: { path: owner/model }\ndataset: { path: owner/rows }\n');
    expect(() => loadRecipe(path)).toThrow(
      `dataset.path: file must exist, got "owner/rows" (relative to the recipe's folder); "owner/rows" is not in the Hub's cache ` +
        `${join(root, 'hub')} either; fetch it: hf download owner/rows --repo-type dataset\n` +
        `model.path: folder must exist, got "owner/model" (relative to the recipe's folder); "owner/model" is not in the Hub's ` +
        `cache ${join(root, 'hub')} either; fetch it: hf download owner/model`,
    );
  });
});
