/** JSON with its keys as they stand on disk and in recipes: `budgetFraction` → `budget_fraction`, all the way down. */
export function withDiskNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withDiskNames);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [diskName(key), withDiskNames(item)]));
}

function diskName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
