// Keys of a store, and what makes one safe.

/** Parts of a key. @throws RangeError for a key that may lead out of the store */
export function keyParts(key: string): string[] {
  const parts = key.split('/');
  if (isKey(key)) return parts;
  throw new RangeError(`store: key must be a relative path without empty parts, got "${key}"`);
}

/** Whether a name is a key: a relative path without empty parts, `.` and `..`. */
export function isKey(name: string): boolean {
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
