import { describe, expect, test } from 'vitest';
import type { Config, SelectionMethod } from '../../contracts/config.ts';
import { STAGES } from '../../contracts/stages.ts';
import type { Stage } from '../../contracts/stages.ts';
import { reaches, workOf } from '../../contracts/work.ts';
import { DEMO_CONFIG } from '../report/demo-summary.ts';

const configOf = (enabled: boolean, path: string | null, compare: SelectionMethod[]): Config => ({
  ...DEMO_CONFIG,
  selection: { ...DEMO_CONFIG.selection, method: 'tive' },
  finetune: { ...DEMO_CONFIG.finetune, enabled },
  evaluation: { ...DEMO_CONFIG.evaluation, path, compare },
});

describe('the work of a run', () => {
  test.each<[string, boolean, string | null, SelectionMethod[], Stage, SelectionMethod[], boolean, boolean]>([
    ['all', true, 't.json', ['random', 'grand'], 'report', ['tive', 'random', 'grand'], true, true],
    ['each method once', true, 't.json', ['random', 'tive', 'random'], 'report', ['tive', 'random'], true, true],
    ['nothing to compare where nothing is tuned', false, 't.json', ['random'], 'report', ['tive'], false, false],
    ['nothing to compare without test rows', true, null, ['random'], 'report', ['tive'], true, false],
    ['nothing to compare before the evaluation', true, 't.json', ['random'], 'finetune', ['tive'], true, false],
    ['no tuning before its stage', true, 't.json', ['random'], 'selection', ['tive'], false, false],
  ])('%s', (_, enabled, path, compare, until, methods, finetunes, evaluates) => {
    expect(workOf(configOf(enabled, path, compare), until)).toEqual({ until, methods, finetunes, evaluates });
  });

  test('a run until a stage does all stages up to it', () => {
    const done = (until: Stage): Stage[] => STAGES.filter((stage) => reaches(until, stage));
    expect(done('dataset')).toEqual(['dataset']);
    expect(done('values')).toEqual(['dataset', 'warmup', 'gradients', 'values']);
    expect(done('report')).toEqual([...STAGES]);
  });
});
