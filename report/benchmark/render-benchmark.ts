// The page of a benchmark: verdict, a section a budget, budget curves, tasks, overlaps, how it was made.
import type {
  BenchmarkSummary,
  BenchmarkTable,
  MethodScores,
  SelectionOverlap,
  TakenShare,
} from '../../contracts/benchmark-summary.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import { dataTable } from '../data-table.ts';
import { count, duration, percent, points, share } from '../format.ts';
import { html } from '../html.ts';
import type { Html } from '../html.ts';
import { methodName } from '../method-names.ts';
import { renderPage } from '../page.ts';
import { STRESS_LABELS } from '../stress-section.ts';
import { benchmarkVerdict, outcomeOfDifference } from './benchmark-verdict.ts';
import { budgetFigure } from './budget-chart.ts';
import { forestFigure, scoreTable } from './forest-chart.ts';
import { ldsSection } from './lds-section.ts';

/** The page as HTML: equal summaries give equal bytes; all text is escaped. */
export function renderBenchmark(summary: BenchmarkSummary): string {
  const { tables } = summary;
  return renderPage({
    kind: 'tive benchmark',
    name: summary.benchmarkName,
    sections: [
      { id: 'verdict', title: 'Verdict', content: verdictSection(summary) },
      ...tables.map((table, index) => ({
        id: `table-${index + 1}`,
        title: tableTitle(table, tables),
        content: tableSection(summary, table, `table-${index + 1}`),
      })),
      { id: 'budgets', title: 'Budgets', content: budgetSection(tables) },
      { id: 'tasks', title: 'Tasks', content: taskSection(summary) },
      { id: 'taken', title: 'Made worse', content: takenSection(summary) },
      { id: 'overlap', title: 'Overlap', content: overlapSection(summary.overlaps) },
      { id: 'lds', title: 'LDS', content: ldsSection(summary.lds) },
      { id: 'run', title: 'How it was made', content: facts(summary) },
    ],
    origin: 'Made by tive from the artifacts of the benchmark’s runs. Equal inputs give equal numbers.',
  });
}

function tableTitle({ budget, length }: BenchmarkTable, tables: readonly BenchmarkTable[]): string {
  const name = budget === null ? 'Scores' : share(budget);
  return new Set(tables.map((table) => table.length)).size > 1 ? `${name}, equal ${length}` : name;
}

function verdictSection(summary: BenchmarkSummary): Html {
  const [first, ...others] = benchmarkVerdict(summary);
  const own = summary.tables[0]?.methods.find(({ method }) => method === summary.config.selection.method);
  return html`<section id="verdict" aria-label="Verdict">
    <p class="verdict ${outcomeOfDifference(own?.difference ?? null)}">${first ?? ''}</p>
    <ul class="remarks">
      ${others.map((sentence) => html`<li>${sentence}</li>`)}
    </ul>
    ${
      summary.warnings.length === 0
        ? null
        : html`<div class="notices">
            <h3>Warnings</h3>
            <ul>
              ${summary.warnings.map((text) => html`<li>${text}</li>`)}
            </ul>
          </div>`
    }
  </section> `;
}

function tableSection(summary: BenchmarkSummary, table: BenchmarkTable, id: string): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${tableTitle(table, summary.tables)}</h2>
    <p class="lead">
      The base model reaches ${percent(summary.baseAccuracy)} before
      fine-tuning${summary.full === null ? '' : `, a model tuned on all rows ${percent(summary.full.mean)}`}.${generatedText(summary)}
    </p>
    ${scoreTable(table, summary.seeds)}${forestFigure(table, summary.baseline)}
  </section> `;
}

function generatedText({ generated }: BenchmarkSummary): string {
  if (generated === undefined) return '';
  const base = `Its generated accuracy, of answers in free text, is ${percent(generated.baseAccuracy)}.`;
  const leftOut = generated.leftOut.join(', ');
  return ` ${base}${leftOut === '' ? '' : ` Tasks whose answers are not short have none: ${leftOut}.`}`;
}

function budgetSection(tables: readonly BenchmarkTable[]): Html | null {
  const lengths = [...new Set(tables.map(({ length }) => length))];
  const figures = lengths.flatMap((length) => {
    const drawn = budgetFigure(tables.filter((table) => table.length === length));
    return drawn === null
      ? []
      : [
          html`<h3>Equal ${length}</h3>
            ${drawn}`,
        ];
  });
  if (figures.length === 0) return null;
  return html`<section id="budgets" aria-labelledby="budgets-title">
    <h2 id="budgets-title">Budgets</h2>
    ${figures}
  </section> `;
}

/** Tasks of the largest budget: where a difference comes from. */
function taskSection({ tables, baseline }: BenchmarkSummary): Html | null {
  const table = tables.at(-1);
  if (table === undefined) return null;
  const tasks = table.methods[0]!.tasks.map(({ task }) => task);
  const ofTask = ({ tasks: own }: MethodScores, task: string) => own.find((one) => one.task === task) ?? null;
  const cellOf = (scores: MethodScores, task: string): string => {
    const found = ofTask(scores, task);
    const difference = found?.difference ?? null;
    return `${percent(found?.accuracy.mean ?? null)}${difference === null ? '' : ` (${points(difference.mean)})`}`;
  };
  return html`<section id="tasks" aria-labelledby="tasks-title">
    <h2 id="tasks-title">Tasks</h2>
    <p class="lead">
      Mean accuracy by
      task${tables.length > 1 ? ` in the last table, ${tableTitle(table, tables)}` : ''}${baseline === null ? '' : `; in brackets the difference to the ${methodName(baseline)} in points`}.
    </p>
    ${dataTable(
      'Accuracy by task',
      [
        { heading: 'Task', kind: 'text', cell: (task: string) => task },
        ...table.methods.map((scores) => ({
          heading: methodName(scores.method),
          kind: 'number' as const,
          cell: (task: string) => cellOf(scores, task),
          sortBy: (task: string) => ofTask(scores, task)?.accuracy.mean ?? null,
        })),
      ],
      tasks,
    )}
  </section> `;
}

/** Of the last table: how much each method took of the rows that were made worse on purpose. */
function takenSection({ tables }: BenchmarkSummary): Html | null {
  const methods = tables.at(-1)?.methods ?? [];
  const all = methods[0]?.taken ?? null;
  if (all === null) return null;
  return html`<section id="taken" aria-labelledby="taken-title">
    <h2 id="taken-title">Made worse on purpose</h2>
    <p class="lead">Shares of the dataset and of what each method chose, over all seeds.</p>
    ${dataTable(
      'Rows by what was done to them',
      [
        { heading: 'Rows', kind: 'text', cell: ({ kind }: TakenShare) => STRESS_LABELS[kind] },
        { heading: 'In the dataset', kind: 'number', cell: ({ allShare }) => percent(allShare) },
        ...methods.map(({ method, taken }) => ({
          heading: methodName(method),
          kind: 'number' as const,
          cell: ({ kind }: TakenShare) => percent(taken?.find((one) => one.kind === kind)?.selectedShare ?? null),
        })),
      ],
      all,
    )}
  </section> `;
}

function overlapSection(overlaps: readonly SelectionOverlap[]): Html | null {
  if (overlaps.length === 0) return null;
  return html`<section id="overlap" aria-labelledby="overlap-title">
    <h2 id="overlap-title">Overlap of the choices</h2>
    <p class="lead">
      Rows that both chose over rows that either chose: of two methods with the same seed, of one method with the next
      seed.
    </p>
    ${dataTable(
      'Jaccard index',
      [
        { heading: 'Method', kind: 'text', cell: ({ left }: SelectionOverlap) => methodName(left) },
        {
          heading: 'Other',
          kind: 'text',
          cell: ({ left, right }) => (left === right ? 'itself, next seed' : methodName(right)),
        },
        {
          heading: 'Jaccard',
          kind: 'number',
          cell: ({ jaccard }) => (jaccard === null ? '–' : jaccard.toFixed(3)),
          sortBy: ({ jaccard }) => jaccard,
        },
      ],
      overlaps,
    )}
  </section> `;
}

function facts({ seeds, durationMs, config, versions, testRowCount }: BenchmarkSummary): Html {
  return html`<section id="run" aria-labelledby="run-title">
    <h2 id="run-title">How it was made</h2>
    <dl class="facts-list">
      <dt>Seeds</dt>
      <dd>${seeds.join(', ')}</dd>
      <dt>Test rows</dt>
      <dd>${count(testRowCount)}</dd>
      <dt>Wall time</dt>
      <dd>${duration(durationMs)}</dd>
      <dt>Versions</dt>
      <dd>${versions.map(({ name, version }) => `${name} ${version}`).join(', ')}</dd>
    </dl>
    <details>
      <summary>Recipe</summary>
      <pre>${JSON.stringify(withDiskNames(config), null, 2)}</pre>
    </details>
  </section> `;
}
