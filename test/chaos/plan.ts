import { createRandom, shuffledOrder } from '../../algorithms/random-stream.ts';
import { STAGES } from '../../contracts/stages.ts';
import type { Cluster } from './cluster.ts';
import type { Fault } from './faults.ts';
import type { Strike } from './run.ts';

/** Share of the runs that are struck a second time, in a later stage. */
const SECOND_SHARE = 0.25;

/** Why a fault cannot be made here, or null. */
export function refusalOf({ store, name }: Fault, cluster: Cluster): string | null {
  if (name === 'clocks jump') return cluster.clockRefusal;
  if (store === 'small disk') return cluster.diskRefusal;
  if (store === 'bucket' && 'refusal' in cluster.objects) return cluster.objects.refusal;
  return name === 'node: network cut, comes back' ? cluster.networkRefusal : null;
}

/**
 * What strikes each run: every fault as often as every other, in a random order, each in a random stage and at a random
 * moment of it.
 * @returns [run] its strikes in the order of their stages
 */
export function planStrikes(runCount: number, seed: number, faults: readonly Fault[]): Strike[][] {
  const random = createRandom('chaos/plan', seed);
  const order = shuffledOrder(runCount, 'chaos/order', seed);
  return Array.from(order, (place) => {
    const fault = faults[place % faults.length]!;
    const stage = random.integer(STAGES.length);
    const first: Strike = { fault, stage: STAGES[stage]!, moment: random.uniform() };
    const later = STAGES.slice(stage + 1);
    if (random.uniform() > SECOND_SHARE || later.length === 0) return [first];
    const others = faults.filter(({ store }) => store === fault.store);
    const second = others[random.integer(others.length)]!;
    return [first, { fault: second, stage: later[random.integer(later.length)]!, moment: random.uniform() }];
  });
}
