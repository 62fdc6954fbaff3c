import type { Stage } from '../../contracts/stages.ts';
import { STAGES } from '../../contracts/stages.ts';
import type { Struck } from './run.ts';

/** A run's strikes, whether it ended by itself with the bytes of an undisturbed one, and its time beyond that one's. */
export interface ChaosOutcome {
  struck: Struck[];
  survived: boolean;
  longerSeconds: number;
}

interface Line {
  fault: string;
  stage: Stage;
  runs: number;
  survived: number;
  redone: number[];
  longer: number[];
}

/** A Markdown table: a line for each fault in each stage, and the sum. */
export function chaosTable(outcomes: readonly ChaosOutcome[]): string {
  const lines = new Map<string, Line>();
  for (const { struck, survived, longerSeconds } of outcomes) {
    for (const { strike, redoneSeconds } of struck) {
      const { fault, stage } = strike;
      const key = `${fault.name}/${stage}`;
      const line = lines.get(key) ?? { fault: fault.name, stage, runs: 0, survived: 0, redone: [], longer: [] };
      lines.set(key, line);
      line.runs += 1;
      line.survived += survived ? 1 : 0;
      if (redoneSeconds !== null) line.redone.push(redoneSeconds);
      line.longer.push(longerSeconds);
    }
  }
  const sorted = [...lines.values()].sort(
    (left, right) => left.fault.localeCompare(right.fault) || STAGES.indexOf(left.stage) - STAGES.indexOf(right.stage),
  );
  const survivedCount = outcomes.filter(({ survived }) => survived).length;
  return [
    '| fault | stage | struck | survived | work redone, s, at most | run longer, s, at most |',
    '| --- | --- | --: | --: | --: | --: |',
    ...sorted.map(
      ({ fault, stage, runs, survived, redone, longer }) =>
        `| ${fault} | ${stage} | ${runs} | ${survived} | ${largest(redone)} | ${largest(longer)} |`,
    ),
    '',
    `${survivedCount} of ${outcomes.length} runs survived with equal bytes`,
  ].join('\n');
}

function largest(values: readonly number[]): string {
  return values.length === 0 ? '–' : Math.max(...values).toFixed(1);
}
