// Every chart of a report, by its name, as the page draws it.
import type { RunSummary } from '../../contracts/summary.ts';
import { drawBias } from '../../report/bias-section.ts';
import type { Draw } from '../../report/chart.ts';
import { drawScores, drawTaskScores } from '../../report/evaluation-chart.ts';
import { drawDistributions, drawEffectiveShares } from '../../report/instance-value-chart.ts';
import { drawMixture, mixture } from '../../report/mixture-chart.ts';
import { drawNorms } from '../../report/norm-chart.ts';
import { drawMap, drawTaskCosines } from '../../report/space-section.ts';
import { drawTaskValues, valuedTasks } from '../../report/task-value-chart.ts';
import { drawTraining } from '../../report/training-section.ts';

/** The charts of a summary that has data for all of them. */
export function chartsOf(summary: RunSummary): [name: string, draw: Draw][] {
  const { instanceValues, bias, training } = summary;
  const norms = [...summary.gradientNorms].sort((left, right) => right.quantiles[2] - left.quantiles[2]);
  const { scores } = summary.evaluation!;
  const tuned = scores.filter(({ method }) => method !== null);
  const tasks = scores[0]!.tasks.map(({ task }) => task);
  const space = summary.space!;
  const drawnTasks = [...new Set(space.points.map(({ task }) => task))].sort();
  return [
    ['scores', (width) => drawScores(scores, width)],
    ['task-scores', (width) => drawTaskScores(tuned, tasks, width)],
    ['mixture', (width) => drawMixture(mixture(summary.tasks), width)],
    ['task-values', (width) => drawTaskValues(valuedTasks(summary.tasks), width)],
    ['gradient-norms', (width) => drawNorms(norms, width)],
    ['instance-values', (width) => drawDistributions(instanceValues, instanceValues.tasks, width)],
    ['effective-shares', (width) => drawEffectiveShares(instanceValues, summary.config.selection.lambda, width)],
    ['task-cosines', (width) => drawTaskCosines(space, width)],
    ['map', (width) => drawMap(space, drawnTasks, width)],
    ...bias.map((one): [string, Draw] => [`bias-${one.property.replace(' ', '-')}`, (width) => drawBias(one, width)]),
    ['training', (width) => drawTraining(training, width)],
  ];
}
