// The report as one page: its sections in order, style and script with it.
import type { RunSummary } from '../contracts/summary.ts';
import { biasSection } from './bias-section.ts';
import { copiesSection } from './copies-section.ts';
import { evaluationSection } from './evaluation-section.ts';
import { exampleSection } from './example-section.ts';
import { filterSection } from './filter-section.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { effectiveShareFigure, instanceValueFigure, instanceValueText } from './instance-value-chart.ts';
import { mixtureFigure } from './mixture-chart.ts';
import { renderPage } from './page.ts';
import { quarantineSection } from './quarantine-section.ts';
import { reselectionSection } from './reselection-section.ts';
import { runSection } from './run-section.ts';
import { roundSection } from './round-section.ts';
import { stressSection } from './stress-section.ts';
import { spaceSection } from './space-section.ts';
import { taskSection } from './task-section.ts';
import { trainingSection } from './training-section.ts';
import { verdictSection } from './verdict-section.ts';

/**
 * The report of a run: one HTML file that needs nothing else, readable without script, in light and dark colours and on
 * paper. Equal summaries give equal bytes. All text of the dataset is escaped.
 */
export function renderReport(summary: RunSummary): string {
  const sections = [
    { id: 'verdict', title: 'Verdict', content: verdictSection(summary) },
    { id: 'evaluation', title: 'Evaluation', content: evaluationSection(summary) },
    { id: 'reselection', title: 'Since the last run', content: reselectionSection(summary) },
    { id: 'mixture', title: 'Mixture', content: mixtureSection(summary) },
    { id: 'tasks', title: 'Tasks', content: taskSection(summary) },
    { id: 'copies', title: 'Repeated rows', content: copiesSection(summary.copies) },
    { id: 'values', title: 'Instance values', content: valueSection(summary) },
    { id: 'directions', title: 'Directions', content: spaceSection(summary) },
    { id: 'examples', title: 'Examples', content: exampleSection(summary) },
    { id: 'filters', title: 'Left out', content: filterSection(summary.filters) },
    { id: 'rounds', title: 'Rounds', content: roundSection(summary.rounds) },
    { id: 'bias', title: 'Leanings', content: biasSection(summary) },
    { id: 'stress', title: 'Made worse', content: stressSection(summary.stress) },
    { id: 'training', title: 'Training', content: trainingSection(summary) },
    { id: 'quarantine', title: 'Set aside', content: quarantineSection(summary) },
    { id: 'run', title: 'The run', content: runSection(summary) },
  ];
  const origin = 'Made by tive from the artifacts of this run. Equal inputs give equal numbers.';
  return renderPage({ kind: 'tive report', name: summary.runName, sections, origin });
}

function mixtureSection(summary: RunSummary): Html {
  return html`<section id="mixture" aria-labelledby="mixture-title">
    <h2 id="mixture-title">Mixture before and after</h2>
    ${mixtureFigure(summary)}
  </section> `;
}

function valueSection(summary: RunSummary): Html | null {
  const values = instanceValueFigure(summary);
  if (values === null) return null;
  return html`<section id="values" aria-labelledby="values-title">
    <h2 id="values-title">Instance values</h2>
    <p class="lead">${instanceValueText(summary)}</p>
    ${values}${effectiveShareFigure(summary)}
  </section> `;
}
