// Section of the report: what the methods score on the test rows.
import type { RunSummary } from '../contracts/summary.ts';
import { scoreFigure, taskScoreFigure } from './evaluation-chart.ts';
import { generatedPart } from './generated-figure.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';

/** Scores against the random choices, over all and task by task; null where nothing was evaluated. */
export function evaluationSection({ evaluation }: RunSummary): Html | null {
  if (evaluation === null || evaluation.scores.length === 0) return null;
  const tuned = evaluation.scores.filter(({ method }) => method !== null);
  return html`<section id="evaluation" aria-labelledby="evaluation-title">
    <h2 id="evaluation-title">Evaluation</h2>
    <p class="lead">
      A row counts as right when every token of its answer is the model’s first choice. Macro accuracy is the mean over
      tasks, so a small task counts as much as a large one.
    </p>
    ${scoreFigure(evaluation)}${tuned.length === 0 ? null : taskScoreFigure(evaluation)}${generatedPart(evaluation)}
  </section> `;
}
