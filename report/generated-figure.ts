// What generated answers score, beside the teacher-forced accuracy.
import type { EvaluationSummary, GeneratedSummary, ScoreSummary } from '../contracts/summary.ts';
import { figure } from './chart.ts';
import { dataTable } from './data-table.ts';
import { drawScores } from './evaluation-chart.ts';
import { count, percent } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { methodName } from './method-names.ts';

/** A model with its generated answers. */
type AskedScore = ScoreSummary & { generated: GeneratedSummary };

/** Generated accuracy over all tasks with short answers and by task; null where no answers were generated. */
export function generatedPart({ scores, asked }: EvaluationSummary): Html | null {
  if (asked === undefined) return null;
  const models = scores.filter((score): score is AskedScore => score.generated !== undefined);
  const tasks = models[0]?.generated.tasks ?? [];
  return html`<h3 id="generated">Generated answers</h3>
    <p class="lead">${leadText(tasks, asked)}</p>
    ${tasks.length === 0 ? null : html`${generatedFigure(models)}${generatedTable(models)}`}`;
}

function leadText(
  tasks: GeneratedSummary['tasks'],
  { leftOut, cutRowCount }: NonNullable<EvaluationSummary['asked']>,
): string {
  const own = tasks.flatMap(({ task, isOwnScorer }) => (isOwnScorer ? [task] : []));
  const match = 'A generated answer is right where it is the row’s own but for case, punctuation, a leading article and the writing of numbers.'; // oxfmt-ignore
  const parts = [
    'Generated accuracy: the model answers in free text, always by its likeliest token, and does not see the row’s own answer.',
    own.length < tasks.length || tasks.length === 0 ? match : '',
    own.length === 0 ? '' : `Scored by scorers of your own instead: ${own.join(', ')}.`,
    leftOut.length === 0 ? '' : `Left out, since their answers are not short: ${leftOut.join(', ')}.`,
    cutRowCount === 0
      ? ''
      : `${count(cutRowCount)} ${cutRowCount === 1 ? 'row was' : 'rows were'} not asked, cut at the longest length.`,
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function generatedFigure(models: readonly AskedScore[]): Html {
  // The bars are those of the other accuracy, of these numbers.
  const bars = models.map(({ generated, ...score }) => ({
    ...score,
    macroAccuracy: generated.accuracy ?? 0,
    interval: generated.interval,
  }));
  const best = bars.reduce((highest, bar) => (bar.macroAccuracy > highest.macroAccuracy ? bar : highest));
  const rowCount = models[0]!.generated.tasks.reduce((sum, task) => sum + task.rowCount, 0);
  return figure({
    finding: `Generated accuracy, mean over tasks, of ${count(rowCount)} test rows; highest is ${methodName(best.method)} with ${percent(best.macroAccuracy)}. Lines are 95\u00a0% intervals over test rows.`,
    draw: (width) => drawScores(bars, width),
    table: dataTable(
      'Generated accuracy',
      [
        { heading: 'Method', kind: 'text', cell: ({ method }: AskedScore) => methodName(method) },
        {
          heading: 'Generated accuracy',
          title: 'mean over tasks with short answers',
          kind: 'number',
          cell: ({ generated }) => percent(generated.accuracy),
          sortBy: ({ generated }) => generated.accuracy,
        },
        {
          heading: '95\u00a0% interval',
          kind: 'number',
          cell: ({ generated: { interval } }) =>
            interval === null ? '–' : `${percent(interval[0])} – ${percent(interval[1])}`,
        },
        {
          heading: 'Macro accuracy',
          title: 'teacher forced, over the same tasks',
          kind: 'number',
          cell: (score) => percent(sameTasks(score)),
          sortBy: sameTasks,
        },
      ],
      models,
    ),
  });
}

/** Mean of the teacher-forced accuracy over the tasks that were asked for free text. */
function sameTasks({ tasks, generated }: AskedScore): number {
  const asked = new Set(generated.tasks.map(({ task }) => task));
  const same = tasks.filter(({ task }) => asked.has(task));
  return same.reduce((sum, { accuracy }) => sum + accuracy, 0) / Math.max(1, same.length);
}

function generatedTable(models: readonly AskedScore[]): Html {
  const accuracy = ({ generated }: AskedScore, task: string): number | null =>
    generated.tasks.find((candidate) => candidate.task === task)?.accuracy ?? null;
  return dataTable(
    'Generated accuracy by task',
    [
      { heading: 'Task', kind: 'text', cell: ({ task }: GeneratedSummary['tasks'][number]) => task },
      {
        heading: 'Test rows',
        kind: 'number',
        cell: ({ rowCount }) => count(rowCount),
        sortBy: ({ rowCount }) => rowCount,
      },
      { heading: 'Scored by', kind: 'text', cell: ({ isOwnScorer }) => (isOwnScorer ? 'own scorer' : 'exact match') },
      ...models.map((model) => ({
        heading: methodName(model.method),
        kind: 'number' as const,
        cell: ({ task }: { task: string }) => percent(accuracy(model, task)),
        sortBy: ({ task }: { task: string }) => accuracy(model, task),
      })),
    ],
    models[0]!.generated.tasks,
    ['Macro mean', '', '', ...models.map(({ generated }) => percent(generated.accuracy))],
  );
}
