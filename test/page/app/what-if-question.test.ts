// The question of another selection.
import { expect, test } from 'vitest';
import {
  METHOD_NAMES,
  isAsked,
  questionFindings,
  readsLambda,
  whatIfQuestion,
} from '../../../page/app/logic/what-if-question.ts';

test('the address gives the question, and nothing gives that of the paper', () => {
  expect(whatIfQuestion({})).toEqual({ method: 'tive', lambda: null, budget: null, filters: [], settings: [] });
  expect(
    whatIfQuestion({
      method: 'random',
      lambda: '100',
      budget: '0.15',
      filters: 'loss_cut,colour',
      settings: 'selection.loss_cut=0.1\n\n allocation.weighting=size ',
    }),
  ).toEqual({
    method: 'random',
    lambda: 100,
    budget: 0.15,
    filters: ['loss_cut'],
    settings: ['selection.loss_cut=0.1', 'allocation.weighting=size'],
  });
  expect(whatIfQuestion({ method: 'magic' }).method).toBe('tive');
});

test('what cannot be asked is said at its field', () => {
  expect(questionFindings({ lambda: '0', budget: '1', settings: 'a.b=c' })).toEqual({});
  expect(questionFindings({ budget: '800' })).toEqual({});
  expect(questionFindings({ lambda: '-1' })).toEqual({ lambda: 'lambda: must be a number from 0 on, got -1' });
  for (const budget of ['0', '1.5', '-3', 'all']) expect(Object.keys(questionFindings({ budget }))).toEqual(['budget']);
  expect(questionFindings({ settings: 'a=1\nb' })).toEqual({
    settings: 'settings: must be lines key.path=value, got b',
  });
});

test('lambda is asked for where a method reads it', () => {
  expect(METHOD_NAMES.filter(readsLambda)).toContain('tive');
  expect(readsLambda('random')).toBe(false);
});

test('nothing is asked before a control is touched', () => {
  expect(isAsked({})).toBe(false);
  expect(isAsked({ row: '3', method: '', budget: ' ' })).toBe(false);
  for (const name of ['method', 'lambda', 'budget', 'filters', 'settings']) expect(isAsked({ [name]: '1' })).toBe(true);
});
