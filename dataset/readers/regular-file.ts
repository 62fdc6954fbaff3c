// Files that may be opened: a pipe or a device would be waited for without end.
import { access, constants, stat } from 'node:fs/promises';
import { InvalidDatasetError } from '../../contracts/failures.ts';
import { kindOf } from '../../contracts/outside-file.ts';

/** @throws InvalidDatasetError where there is no file at the path that can be read */
export async function requireRegularFile(path: string): Promise<void> {
  const name = JSON.stringify(path);
  const found = await stat(path).catch(() => null);
  if (found === null) throw new InvalidDatasetError(`dataset.path: file must exist, got ${name}`);
  if (!found.isFile()) throw new InvalidDatasetError(`dataset.path: must be a file, got ${kindOf(found)} at ${name}`);
  await access(path, constants.R_OK).catch(() => {
    throw new InvalidDatasetError(`dataset.path: file must be allowed to be read, got no permission for ${name}`);
  });
}
