// The sum of counts by name.

/** Rows of all names together. */
export function sum(named: Partial<Record<string, number>>): number {
  return Object.values(named).reduce<number>((total, rows) => total + (rows ?? 0), 0);
}
