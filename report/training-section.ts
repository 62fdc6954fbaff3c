// Section of the report: the losses of all trainings.
import * as Plot from '@observablehq/plot';
import type { ScheduleSettings } from '../contracts/config.ts';
import type { RunSummary, TrainingCurve } from '../contracts/summary.ts';
import { drawSvg, figure } from './chart.ts';
import { count, number, plural } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { followedKeys, scheduleWords } from '../contracts/training-words.ts';
import { methodName } from './method-names.ts';
import { dataTable } from './data-table.ts';

const LINE_HEIGHT = 92;

/** One training a line: the loss of every step thin, its running mean bold. */
export function drawTraining(curves: readonly TrainingCurve[], width: number): string {
  const names = curves.map(nameOf);
  const points = curves.flatMap(({ steps, losses, smoothed }, curve) =>
    steps.map((step, place) => ({ step, loss: losses[place]!, smoothed: smoothed[place]!, name: names[curve]! })),
  );
  return drawSvg({
    width,
    height: curves.length * LINE_HEIGHT + 34,
    marginLeft: 46,
    marginRight: 14,
    marginTop: 4,
    marginBottom: 30,
    x: { label: null, ticks: width < 500 ? 4 : 8, grid: true },
    y: { label: null, ticks: 3, grid: true, zero: true },
    fy: { label: null, domain: names, axis: null, padding: 0.16 },
    marks: [
      Plot.lineY(points, {
        x: 'step',
        y: 'loss',
        fy: 'name',
        stroke: 'var(--before)',
        strokeWidth: 1,
        strokeOpacity: 0.7,
      }),
      Plot.lineY(points, { x: 'step', y: 'smoothed', fy: 'name', stroke: 'var(--selected)', strokeWidth: 2 }),
      Plot.text(names, {
        text: (name: string) => name,
        fy: (name: string) => name,
        frameAnchor: 'top-right',
        dy: 2,
        fontSize: 12,
      }),
    ],
  });
}

/** Losses of the warm-up and of the fine-tuning; null where nothing was trained. */
export function trainingSection({ training, config }: RunSummary): Html | null {
  if (training.length === 0) return null;
  return html`<section id="training" aria-labelledby="training-title">
    <h2 id="training-title">Training</h2>
    <p class="lead">${scheduleText(training, config)}</p>
    ${figure({
      finding: findingOf(training),
      draw: (width) => drawTraining(training, width),
      legend: [
        { label: 'loss of a step', color: 'var(--before)', mark: 'line' },
        { label: 'running mean', color: 'var(--selected)', mark: 'line' },
      ],
      table: dataTable(
        'Training losses: −ln of the probability of an answer token, averaged (nats)',
        [
          { heading: 'Training', kind: 'text', cell: nameOf },
          { heading: 'Steps', kind: 'number', cell: ({ stepCount }: TrainingCurve) => count(stepCount) },
          { heading: 'How', kind: 'text', cell: howOf },
          { heading: 'First', kind: 'number', cell: ({ losses }) => number(losses[0]!) },
          { heading: 'Last', kind: 'number', cell: ({ losses }) => number(losses.at(-1)!) },
          { heading: 'Running mean at the end', kind: 'number', cell: ({ smoothed }) => number(smoothed.at(-1)!) },
        ],
        training,
      ),
    })}
  </section> `;
}

/** How each training was done where no two differ by method, and what of it the recipe left to the rows. */
function scheduleText(training: readonly TrainingCurve[], { warmup, finetune }: RunSummary['config']): string {
  const tuned = training.find(({ method }) => method !== null);
  const parts = [
    ...training.filter(({ method }) => method === null).map((curve) => sentenceOf('Warm-up', curve, warmup)),
    ...(tuned === undefined ? [] : [sentenceOf('Fine-tuning', tuned, finetune)]),
  ];
  return parts.join(' ');
}

function sentenceOf(name: string, curve: TrainingCurve, settings: ScheduleSettings): string {
  const followed = followedKeys(settings);
  const source = followed === '' ? '' : `; ${followed}: not in the recipe, so they follow from the number of rows`;
  return `${name}: ${plural(curve.stepCount, 'step')}, ${howOf(curve)}${source}.`;
}

function howOf({ schedule }: TrainingCurve): string {
  return schedule === null ? 'unknown size' : scheduleWords(schedule);
}

function nameOf({ method }: TrainingCurve): string {
  return method === null ? 'warm-up' : `fine-tuning, ${methodName(method)}`;
}

function findingOf(training: readonly TrainingCurve[]): string {
  const fell = training.filter(({ smoothed, losses }) => smoothed.at(-1)! < losses[0]!).length;
  const [first] = training;
  const ends = `${nameOf(first!)}: a loss of ${number(first!.losses[0]!)}, then ${number(first!.smoothed.at(-1)!)}`;
  return `Losses fell in ${fell} of ${training.length} trainings (${ends}).`;
}
