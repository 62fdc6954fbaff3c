// Words for what a stage has done, as progress shows them.
import type { AdapterResult } from '../contracts/messages/training.ts';
import { scheduleWords } from '../contracts/training-words.ts';

/** State of a finished stage. */
export function stateOf({ cached }: { cached: boolean }): 'cached' | 'done' {
  return cached ? 'cached' : 'done';
}

/** What a trained adapter was, in words. */
export function adapterFacts({ rowCount, stepCount, firstLoss, lastLoss, schedule }: AdapterResult): string {
  if (firstLoss === null || lastLoss === null) return 'adapter given';
  return facts(
    `${countText(rowCount)} rows`,
    `${countText(stepCount)} steps`,
    schedule ? scheduleWords(schedule) : '',
    `loss ${firstLoss.toFixed(2)} → ${lastLoss.toFixed(2)}`,
  );
}

/** Facts that are not empty, side by side. */
export function facts(...parts: string[]): string {
  return parts.filter((part) => part !== '').join('  ');
}

/** A whole number with thousands separators; the sandbox has no locales to rely on. */
export function countText(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A share in per cent with one decimal. */
export function percentText(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}
