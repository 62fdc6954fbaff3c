// Where the package lies, for sources and build alike.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder with `package.json`, from the sources as from the build. */
export function packageFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
