// Names of keys on disk and in memory.

/** Maps whose keys are words of the user, tasks for instance: they are the same on disk and in memory. */
const OWN_KEYS: ReadonlySet<string> = new Set(['scorers']);

/** JSON with its keys as they stand on disk and in recipes: `budgetFraction` → `budget_fraction`, all the way down. */
export function withDiskNames(value: unknown): unknown {
  return withKeys(value, (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

/** The inverse: `budget_fraction` → `budgetFraction`. */
export function withMemoryNames(value: unknown): unknown {
  return withKeys(value, (key) => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
}

function withKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => withKeys(item, rename));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [rename(key), OWN_KEYS.has(key) ? item : withKeys(item, rename)]),
  );
}
