// Section of the report: the verdict, the key numbers, the notices.
import type { RunSummary } from '../contracts/summary.ts';
import { findingText } from './checks.ts';
import { count, duration, percent, plural, share } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { notices } from './notices.ts';
import { verdict } from './verdict.ts';

/** The first screen: what was found, the key numbers, and what to know before trusting them. */
export function verdictSection(summary: RunSummary): Html {
  const { outcome, sentence, remarks, findings } = verdict(summary);
  const warnings = [...findings.map(findingText), ...notices(summary)];
  const numbers = cards(summary);
  return html`<section id="verdict" aria-labelledby="verdict-title">
    <h2 id="verdict-title">Verdict</h2>
    <p class="verdict ${outcome}">${sentence}</p>
    ${
      remarks.length === 0
        ? null
        : html`<ul class="remarks">
            ${remarks.map((remark) => html`<li>${remark}</li>`)}
          </ul>`
    }
    <dl class="cards" style="--count: ${numbers.length}">${numbers}</dl>
    ${
      warnings.length === 0
        ? null
        : html`<div class="notices" role="note">
            <h3>Before you trust these numbers</h3>
            <ul>
              ${warnings.map((warning) => html`<li>${warning}</li> `)}
            </ul>
          </div>`
    }
  </section> `;
}

function cards({ dataset, selection, tasks, evaluation, facts, quarantine }: RunSummary): Html[] {
  const setAside = quarantine.reduce((sum, { count: rows }) => sum + rows, 0);
  const taskCount = tasks.filter(({ copyCount }) => copyCount > 0).length;
  const own = evaluation?.scores.find(({ method }) => method === selection.method);
  const cached = facts.stages.filter(({ state }) => state === 'cached').length;
  const fraction = dataset.usableCount === 0 ? 0 : selection.distinctCount / dataset.usableCount;
  return [
    card('Rows selected', count(selection.rowCount), `${share(fraction)} of the usable rows`),
    card('Dataset', count(dataset.rowCount), `rows, ${count(dataset.tokenCount)} tokens`),
    card('Set aside', count(setAside), setAside === 0 ? 'no row' : `rows, ${share(setAside / dataset.rowCount)}`),
    card(
      'Tasks',
      count(tasks.length),
      taskCount === tasks.length ? 'all with selected rows' : `${count(taskCount)} with selected rows`,
    ),
    ...(own === undefined
      ? []
      : [card('Macro accuracy', percent(own.macroAccuracy), `over ${count(evaluation!.testRowCount)} test rows`)]),
    card(
      'Time',
      duration(facts.durationMs),
      cached === 0 ? 'until the report' : `${plural(cached, 'stage')} taken from the store`,
    ),
  ];
}

function card(label: string, value: string, note: string): Html {
  return html`<div class="card">
    <dt>${label}</dt>
    <dd class="value">${value}</dd>
    <dd class="note">${note}</dd>
  </div> `;
}
