// Settings of another selection from a finished run's gradients.
import { expect, test } from 'vitest';
import { changeSelection, loadPreset } from '../../../client/recipe/recipe.ts';

const { config } = loadPreset('demo');

test('the method auto is the one that it stands for, in a recipe as for another selection', () => {
  expect(loadPreset('demo', { overrides: ['selection.method=auto'] }).config.selection.method).toBe('deduplicated');
  expect(changeSelection(config, ['selection.method=auto']).selection.method).toBe('deduplicated');
});

test('a selection is changed of a run whose adapter was given, though its config has keys of the warm-up', () => {
  const given = { ...config, model: { ...config.model, adapter: '/given' } };
  expect(changeSelection(given, ['selection.lambda=1']).selection.lambda).toBe(1);
});

test('what the gradients depend on is refused, and a method that needs what the run has not computed', () => {
  expect(() => changeSelection(config, ['warmup.epochs=2'])).toThrow('must be of values, allocation, selection');
  expect(() => changeSelection(config, ['selection.method=trajectories'])).toThrow(
    'selection.method: trajectories needs warmup.trajectory of at least 2, got 0',
  );
});
