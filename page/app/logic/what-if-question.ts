// The question of another selection, between the address and the server.
import { FILTER_NAMES, METHODS } from '../../../contracts/methods.ts';
import type { WhatIfQuestion } from '../../api.ts';
import { numberOf } from './row-query.ts';

/** Names of methods, in the order of the table. */
export const METHOD_NAMES = Object.keys(METHODS);

/** The question that the address says; of a method that there is none, `tive`. */
export function whatIfQuestion(values: Readonly<Record<string, string>>): WhatIfQuestion {
  const list = (name: string): string[] => (values[name] ?? '').split('\n').filter((part) => part.trim() !== '');
  return {
    method: METHOD_NAMES.find((name) => name === values['method']) ?? 'tive',
    lambda: numberOf(values['lambda']),
    budget: numberOf(values['budget']),
    filters: (values['filters'] ?? '').split(',').filter((name) => (FILTER_NAMES as readonly string[]).includes(name)),
    settings: list('settings').map((part) => part.trim()),
  };
}

/** Names of the values that a question is made of. */
const QUESTION_VALUES = ['method', 'lambda', 'budget', 'filters', 'settings'] as const;

/** Whether the address asks anything: before a control is touched there is nothing to answer. */
export function isAsked(values: Readonly<Record<string, string>>): boolean {
  return QUESTION_VALUES.some((name) => (values[name] ?? '').trim() !== '');
}

/** What is wrong with a question before it is asked, by the field; nothing where it can be asked. */
export function questionFindings(values: Readonly<Record<string, string>>): Record<string, string> {
  const findings: Record<string, string> = {};
  const [lambda, budget] = [values['lambda'] ?? '', values['budget'] ?? ''];
  if (lambda !== '' && !(numberOf(lambda) !== null && numberOf(lambda)! >= 0))
    findings['lambda'] = `lambda: must be a number from 0 on, got ${lambda}`;
  const rows = numberOf(budget);
  if (budget !== '' && !(rows !== null && rows > 0 && (rows <= 1 || Number.isInteger(rows))))
    findings['budget'] = `budget: must be a share in (0, 1] or a number of rows, got ${budget}`;
  const wrong = (values['settings'] ?? '').split('\n').find((part) => part.trim() !== '' && !/^\s*[\w.]+=/.test(part));
  if (wrong !== undefined) findings['settings'] = `settings: must be lines key.path=value, got ${wrong.trim()}`;
  return findings;
}

/** Whether a method reads a setting: fields that would change nothing are not asked for. */
export function readsLambda(method: string): boolean {
  const entry = Object.entries(METHODS).find(([name]) => name === method)?.[1];
  return entry !== undefined && (entry.settings as readonly string[]).includes('lambda');
}
