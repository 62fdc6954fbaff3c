// What a run would do, before it does it.
import type { PlannedStage, RunPlan } from '../../../contracts/plan.ts';
import { count, duration } from '../../../report/format.ts';
import { bytesWords } from '../logic/words.ts';
import { PairedBars } from '../parts/bars.tsx';
import { SortedTable } from '../parts/sorted-table.tsx';
import { Facts, said } from '../parts/words.tsx';

/** Checks, stages, memory, quotas. */
export function PlanTable({ plan }: { plan: RunPlan }): preact.JSX.Element {
  return (
    <section aria-labelledby="plan">
      <h2 id="plan">Plan</h2>
      <Lines lines={[...plan.checks, ...plan.warnings]} />
      <Facts
        facts={[
          [
            'rows',
            `${count(plan.usableCount)} of ${count(plan.rowCount)} can be used${plan.isCounted ? '' : ', estimated'}`,
          ],
          ['tokens', count(plan.tokenCount)],
          ['time', plan.total === null ? 'not known' : timeWords(plan.total)],
          ['parameters', count(plan.memory.parameterCount)],
          ['weights', bytesWords(plan.memory.weightBytes)],
          ['a process may use', bytesWords(plan.memory.hostBytes)],
          ['free in the store', plan.memory.freeBytes === null ? '' : bytesWords(plan.memory.freeBytes)],
        ]}
      />
      <SortedTable
        caption="Stages"
        lines={plan.stages}
        keyOf={({ stage }) => stage}
        columns={[
          { heading: 'Stage', isName: true, cell: ({ stage }) => stage },
          { heading: 'Work', cell: partWords },
          { heading: 'Disk', isNumber: true, isWide: true, cell: ({ diskBytes }) => bytesWords(diskBytes) },
          {
            heading: 'Time',
            isNumber: true,
            cell: ({ seconds, isCached }) => (isCached || seconds === null ? '–' : duration(seconds * 1000)),
          },
        ]}
      />
      <SortedTable
        caption="Memory where most is needed"
        lines={plan.memory.works}
        keyOf={({ work }) => work}
        columns={[
          { heading: 'Work', isName: true, cell: ({ work }) => said(work) },
          { heading: 'Bytes', isNumber: true, cell: ({ totalBytes }) => bytesWords(totalBytes) },
          {
            heading: 'Layers done again',
            isNumber: true,
            cell: ({ recomputedLayerCount, layerCount }) => `${recomputedLayerCount} of ${layerCount}`,
          },
        ]}
      />
      {plan.quotas === null ? null : (
        <PairedBars
          finding="Quotas by the values that are there already"
          before="rows"
          after="quota"
          write={count}
          pairs={plan.quotas.map((task) => ({ name: task.task, before: task.rows, after: task.quota }))}
        />
      )}
    </section>
  );
}

function timeWords({ processCount, seconds }: NonNullable<RunPlan['total']>): string {
  return `about ${duration(seconds * 1000)} on ${processCount === 1 ? 'one process' : `${processCount} processes`}`;
}

function partWords({ isCached, partCount, unit, rowCount }: PlannedStage): string {
  if (isCached) return 'there already';
  if (partCount !== null) return `${count(partCount)} ${unit}`;
  return rowCount === null ? '–' : `${count(rowCount)} rows`;
}

function Lines({ lines }: { lines: readonly string[] }): preact.JSX.Element | null {
  return lines.length === 0 ? null : (
    <ul class="notices">
      {lines.map((line) => (
        <li key={line}>{said(line)}</li>
      ))}
    </ul>
  );
}
