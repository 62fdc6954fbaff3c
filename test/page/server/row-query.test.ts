import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RowQuery } from '../../../page/api.ts';
import { filterRows, pageOf, parseRowQuery } from '../../../page/server/row-query.ts';
import { orderOf, RowOrders } from '../../../page/server/row-orders.ts';
import { STATES } from '../../../page/server/row-table.ts';
import type { RowTable } from '../../../page/server/row-table.ts';
import { TextColumn } from '../../../page/server/text-column.ts';
import { WordColumn } from '../../../page/server/word-column.ts';

interface Row {
  task: string | null;
  state: number;
  reason: string | null;
  value: number;
  loss: number;
  norm: number;
  tokens: number;
}

const number = fc.oneof(fc.double(), fc.constantFrom(NaN, 0, -0, 1, -1, Infinity, -Infinity, 5e-324));
const row: fc.Arbitrary<Row> = fc.record({
  task: fc.constantFrom(null, 'a', 'b', ''),
  state: fc.nat(2),
  reason: fc.constantFrom(null, 'late', 'near_duplicates'),
  value: number,
  loss: number,
  norm: number,
  tokens: fc.nat(5),
});

function tableOf(rows: readonly Row[]): RowTable {
  const column = (key: 'value' | 'loss' | 'norm'): Float64Array => Float64Array.from(rows, (one) => one[key]);
  const words = (key: 'task' | 'reason'): WordColumn => {
    const made = new WordColumn(rows.length);
    for (const [index, one] of rows.entries()) made.set(index, one[key]);
    return made;
  };
  const [value, loss, norm] = [column('value'), column('loss'), column('norm')];
  const tokens = Uint32Array.from(rows, (one) => one.tokens);
  const zeros = new Uint32Array(rows.length);
  return {
    rowCount: rows.length,
    sourceIndex: zeros,
    byteStart: new Float64Array(rows.length),
    byteLength: zeros,
    id: new TextColumn(rows.length),
    task: words('task'),
    reason: words('reason'),
    state: Uint8Array.from(rows, (one) => one.state),
    copies: zeros,
    el2n: value,
    rank: value,
    probability: value,
    valuedCounts: new Map(),
    ...{ value, loss, norm, tokens },
    orders: new RowOrders({ value, loss, norm, tokens, copies: zeros, rank: value }),
  };
}

describe('an order of rows', () => {
  test('is that of the keys, equal ones by row, those without a key last', () => {
    const { order, knownCount } = orderOf(Float64Array.of(2, NaN, -1, 2, -Infinity, 0, -0, NaN, Infinity));
    expect([...order]).toEqual([4, 2, 5, 6, 0, 3, 8, 1, 7]);
    expect(knownCount).toBe(7);
  });

  test('is that of a slow stable sort', () => {
    fc.assert(
      fc.property(fc.array(number, { maxLength: 300 }), (keys) => {
        const known = keys.flatMap((key, index) => (Number.isNaN(key) ? [] : [index]));
        const sorted = known.toSorted((left, right) =>
          keys[left]! < keys[right]! ? -1 : keys[left]! > keys[right]! ? 1 : left - right,
        );
        const found = orderOf(Float64Array.from(keys));
        expect(found.knownCount).toBe(known.length);
        expect([...found.order.subarray(0, known.length)]).toEqual(sorted);
        expect([...found.order].toSorted((left, right) => left - right)).toEqual([...keys.keys()]);
      }),
    );
  });
});

describe('a query', () => {
  test('gives the part of the rows that a slow filter and sort give', () => {
    const maybe = <Value>(values: fc.Arbitrary<Value>) => fc.option(values, { nil: undefined });
    const query = fc.record({
      offset: fc.nat(30),
      limit: fc.nat(30),
      sort: maybe(fc.constantFrom('row' as const, 'value' as const, 'loss' as const, 'tokens' as const)),
      descending: maybe(fc.boolean()),
      task: maybe(fc.constantFrom('a', 'b', 'none')),
      state: maybe(fc.constantFrom(...STATES)),
      reason: maybe(fc.constantFrom('late', 'none')),
      leastLoss: maybe(fc.double({ noNaN: true })),
      mostValue: maybe(fc.double({ noNaN: true })),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 120 }), query, (rows, asked) => {
        const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
        const wanted: RowQuery = { offset: asked.offset, limit: asked.limit, ...given };
        const { sort = 'row', descending = false, leastLoss = -Infinity, mostValue = Infinity } = asked;
        const keyOf = (index: number): number => (sort === 'row' ? index : rows[index]![sort]);
        const kept = [...rows.keys()].filter((index) => {
          const { task, state, reason, loss, value } = rows[index]!;
          return (
            (asked.task === undefined || task === asked.task) &&
            (asked.state === undefined || STATES[state] === asked.state) &&
            (asked.reason === undefined || reason === asked.reason) &&
            (asked.leastLoss === undefined || loss >= leastLoss) &&
            (asked.mostValue === undefined || value <= mostValue)
          );
        });
        const known = kept.filter((index) => !Number.isNaN(keyOf(index)));
        const ascending = known.toSorted((left, right) =>
          keyOf(left) < keyOf(right) ? -1 : keyOf(left) > keyOf(right) ? 1 : left - right,
        );
        const unknown = kept.filter((index) => Number.isNaN(keyOf(index)));
        const expected = [...(descending ? ascending.reverse() : ascending), ...unknown];
        const table = tableOf(rows);
        expect(pageOf(table, filterRows(table, wanted), wanted)).toEqual({
          total: expected.length,
          rows: expected.slice(asked.offset, asked.offset + asked.limit),
        });
      }),
    );
  });

  test('is read from search parameters, empty ones left out', () => {
    expect(parseRowQuery({ offset: '5', task: 'a b', text: '', leastLoss: '-0.5', descending: 'true' })).toEqual({
      offset: 5,
      limit: 50,
      task: 'a b',
      leastLoss: -0.5,
      descending: true,
    });
  });

  test.each<[string, Record<string, string>]>([
    ['more rows than 500', { limit: '501' }],
    ['a part of a row', { offset: '0.5' }],
    ['rows before the first', { offset: '-1' }],
    ['an order that there is not', { sort: 'name' }],
    ['a state that there is not', { state: 'gone' }],
    ['a bound that is no number', { leastLoss: 'low' }],
    ['a condition that there is not', { colour: 'red' }],
    ['a text of a novel', { text: 'x'.repeat(1001) }],
  ])('is refused with %s', (_, parameters) => {
    expect(() => parseRowQuery(parameters)).toThrow(/^rows: /);
  });
});

describe('columns', () => {
  test('texts come back as they were, none as none, an empty one as empty', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.string({ unit: 'grapheme', maxLength: 400 })), { maxLength: 50 }), (texts) => {
        const column = new TextColumn(texts.length);
        for (const [index, text] of texts.entries()) column.set(index, text);
        expect(texts.map((_, index) => column.at(index))).toEqual(texts);
      }),
    );
  });

  test('words are counted by name, those that no row has any more not at all', () => {
    const column = new WordColumn(4);
    for (const [index, word] of ['b', 'a', 'b', 'c'].entries()) column.set(index, word);
    column.set(3, null);
    expect(column.counts()).toEqual([
      { word: 'a', count: 1 },
      { word: 'b', count: 2 },
    ]);
    expect([column.at(0), column.at(3), column.codeOf('none')]).toEqual(['b', null, null]);
  });
});
