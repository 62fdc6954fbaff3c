// A run whose method chooses in rounds: what each round is made from, and what the other methods see of it.
import { describe, expect, test } from 'vitest';
import { fakeActivities } from './fake-activities.ts';
import { CONFIG, start } from './start-runs.ts';
import { useTestServer } from './use-test-server.ts';

const server = useTestServer();

const config = { ...CONFIG, selection: { ...CONFIG.selection, rounds: 3 } };
const ROWS = 'rows(dataset)';
const FIRST = `values(${ROWS},gradients(${ROWS},warmup(${ROWS})))`;
const CHOSEN = `selection(tive,${FIRST})`;
const SECOND_ROWS = `narrowed(${ROWS},${CHOSEN})`;

describe('a run of three rounds', () => {
  test('chooses ever fewer rows, each time by a model tuned on the last ones; others choose from all', async () => {
    const fakes = fakeActivities({ shardCount: 1 });
    const result = await server().play(fakes, async () =>
      (await start(server().client, 'rounds', { config })).result(),
    );
    const { rounds = [], methods } = result;
    expect(rounds.map(({ selection }) => selection.selection.uri)[0]).toBe(CHOSEN);
    expect(rounds[0]!.finetune.adapter.uri).toBe(`finetune(${ROWS},${CHOSEN})`);
    const second = `values(${SECOND_ROWS},gradients(${SECOND_ROWS},finetune(${ROWS},${CHOSEN})))`;
    expect(rounds[1]!.selection.selection.uri).toBe(`selection(tive,${second})`);
    const [tive, random] = methods;
    expect(tive!.selection!.selection.uri).toContain('selection(tive,values(narrowed(narrowed(');
    expect(random!.selection!.selection.uri).toBe(`selection(random,${FIRST})`);
    // 100 rows, a budget of 10: 100 · 0.1^(1/3) and 100 · 0.1^(2/3), then 10.
    const budgets = fakes
      .inputs('allocateRows')
      .map(({ config: own, method }) => [method, own.allocation.budgetRows ?? own.allocation.budgetFraction]);
    expect(budgets.filter(([method]) => method === 'tive').map(([, budget]) => budget)).toEqual([0.15, 46, 22, 10]);
    expect(budgets.filter(([method]) => method === 'random')).toEqual([['random', 0.15]]);
    expect(rounds.every(({ evaluation }) => evaluation !== null)).toBe(true);
    expect(result.values!.values.uri).toBe(FIRST);
  });

  test('of one round has none of this', async () => {
    const fakes = fakeActivities({ shardCount: 1 });
    const result = await server().play(fakes, async () => (await start(server().client, 'one-round')).result());
    expect(result.rounds).toBeUndefined();
    expect(fakes.count('narrowRows')).toBe(0);
  });
});
