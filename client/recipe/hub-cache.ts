// Repositories of the Hugging Face Hub that were downloaded to this machine.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { hasSourceExtension } from '../../dataset/readers/readers.ts';

/** Kinds of repositories whose files a recipe names. */
export type HubKind = 'model' | 'dataset';

/** `owner/name` as the Hub spells it: two names, neither of which begins with a dot. */
const HUB_ID = /^\w[\w.-]*\/\w[\w.-]*$/;

/** Whether a text could be a Hub id: names of data files are none. */
export function isHubId(text: string): boolean {
  return HUB_ID.test(text) && !text.includes('--') && !text.includes('..') && !hasSourceExtension(text);
}

/**
 * Folder of a repository's newest downloaded state, or null where the cache has none: `refs/main` names it, or it is
 * the only one. The cache is `HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`.
 * @see huggingface_hub, "Understand caching"
 */
export function hubSnapshot(kind: HubKind, id: string): string | null {
  const repository = join(hubCache(), `${kind}s--${id.replace('/', '--')}`);
  const snapshots = join(repository, 'snapshots');
  const named = existsSync(join(repository, 'refs', 'main'))
    ? readFileSync(join(repository, 'refs', 'main'), 'utf8').trim()
    : null;
  const found = existsSync(snapshots) ? readdirSync(snapshots) : [];
  const revision = named ?? (found.length === 1 ? found[0]! : null);
  return revision !== null && found.includes(revision) ? join(snapshots, revision) : null;
}

/** The command that downloads a repository, and where to. */
export function hubAdvice(kind: HubKind, id: string): string {
  const type = kind === 'model' ? '' : ' --repo-type dataset';
  return `"${id}" is not in the Hub's cache ${hubCache()} either; fetch it: hf download ${id}${type}`;
}

function hubCache(): string {
  const { HF_HUB_CACHE: cache, HF_HOME: home, XDG_CACHE_HOME: caches } = process.env;
  if (cache !== undefined && cache !== '') return cache;
  const base = caches === undefined || caches === '' ? join(homedir(), '.cache') : caches;
  return join(home === undefined || home === '' ? join(base, 'huggingface') : home, 'hub');
}
