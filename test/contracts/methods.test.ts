import { describe, expect, test } from 'vitest';
import type { Selector } from '../../algorithms/selectors/selector.ts';
import {
  METHOD_NAMES,
  filtersOf,
  METHODS,
  methodSettings,
  quotasOf,
  readsSetting,
  strongestBaseline,
  weightCosine,
} from '../../contracts/methods.ts';

describe('the table of methods', () => {
  test('says of the settings what the addresses of selections say: null for what a method does not read', () => {
    const said = METHOD_NAMES.map((method) => [
      method,
      methodSettings(method, { lambda: 3, replacement: false, ranks: 'mid' }),
    ]);
    expect(Object.fromEntries(said)).toMatchObject({
      tive: { lambda: 3, essTarget: null, replacement: false, ranks: null },
      tive_task: { lambda: null, replacement: false },
      tive_instance: { lambda: 3, replacement: false },
      random: { lambda: null, replacement: false },
      task_balanced: { lambda: null, replacement: false },
      grand: { lambda: null, replacement: null, ranks: 'mid' },
    });
  });

  test('says no lambda where each task has its own', () => {
    const settings = { lambda: 3, essTarget: 0.99, replacement: false, ranks: 'top' } as const;
    expect(methodSettings('tive', settings)).toMatchObject({ lambda: null, essTarget: 0.99 });
    expect(methodSettings('random', settings)).toMatchObject({ lambda: null, essTarget: null });
  });

  test('follows the recipe’s weighting where a method shares by value, and nowhere else', () => {
    expect([quotasOf('tive', 'size'), quotasOf('tive_task', 'equal')]).toEqual(['size', 'equal']);
    expect([quotasOf('tive_instance', 'equal'), quotasOf('task_balanced', 'size')]).toEqual(['size', 'equal']);
    expect([quotasOf('random', 'equal'), quotasOf('size_tempered', 'equal')]).toEqual(['pooled', 'tempered']);
  });

  test('pools the tasks of a score, but for equal shares and shares by size', () => {
    expect([quotasOf('grand', 'value'), quotasOf('loss', 'equal'), quotasOf('el2n', 'size')]).toEqual([
      'pooled',
      'equal',
      'size',
    ]);
  });

  test('gives near-duplicates a common weight where rows are drawn at random, none where they are ranked', () => {
    const weighing = METHOD_NAMES.filter((method) => weightCosine(method, { nearDuplicateWeight: 0.9 }) === 0.9);
    const ranking = METHOD_NAMES.filter((method) => weightCosine(method, { nearDuplicateWeight: 0.9 }) === null);
    expect(ranking).toEqual(['length', 'loss', 'perplexity', 'grand', 'el2n', 'less', 'icons', 'gist']);
    expect(weighing).toHaveLength(METHOD_NAMES.length - ranking.length);
    expect(weightCosine('random', {})).toBeNull();
  });

  test('measures against the balanced choice, else the pooled one, else none', () => {
    expect(strongestBaseline(['tive', 'random', 'task_balanced', null])).toBe('task_balanced');
    expect(strongestBaseline(['grand', 'random', 'tive'])).toBe('random');
    expect(strongestBaseline(['tive', 'grand', null])).toBeNull();
  });

  test('has labels and lines of its own for each, which fit a line', () => {
    for (const key of ['label', 'summary'] as const) {
      const texts = METHOD_NAMES.map((method) => METHODS[method][key]);
      expect(new Set(texts).size).toBe(METHOD_NAMES.length);
      for (const text of texts) expect(text).toMatch(/^[a-z][^.]{3,90}$/);
    }
  });
});

describe('a selector', () => {
  test('cannot read a setting or a column that its method does not declare', () => {
    const drawn = { position: new Uint32Array(), probability: new Float64Array() };
    // @ts-expect-error: the method declares replacement alone
    const sharp: Selector<'tive_task'> = ({ settings }) => ({ ...drawn, lambda: settings.lambda });
    // @ts-expect-error: the method declares no column
    const peeking: Selector<'random'> = ({ columns }) => ({ ...drawn, values: columns.gradient_norm });
    expect([sharp, peeking]).toHaveLength(2);
    expect(readsSetting('tive_task', 'lambda')).toBe(false);
  });

  test('has filters of a method beside those of the recipe, each once, in the order in which they leave out', () => {
    expect(filtersOf('guarded', {})).toEqual(['loss_guard', 'near_duplicates']);
    expect(filtersOf('deduplicated', { filters: ['near_duplicates', 'loss_cut'] })).toEqual([
      'loss_cut',
      'near_duplicates',
    ]);
    expect(filtersOf('tive', { filters: ['loss_guard'] })).toEqual(['loss_guard']);
    expect(filtersOf('random', {})).toEqual([]);
  });
});
