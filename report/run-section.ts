// Section of the report: all that it takes to repeat the run.
import type { RunSummary, StageFacts } from '../contracts/summary.ts';
import { DEPARTURES } from './departures.ts';
import { withDiskNames } from '../contracts/disk-names.ts';
import { duration } from './format.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { dataTable } from './data-table.ts';

/**
 * What it takes to repeat the run: stages, engine, versions, inputs, hashes, recipe, and where it departs from the
 * paper.
 */
export function runSection({ config, facts }: RunSummary): Html {
  const artifacts = facts.stages.flatMap(({ stage, artifacts: all }) =>
    all.map((artifact) => ({ stage, ...artifact })),
  );
  return html`<section id="run" aria-labelledby="run-title">
    <h2 id="run-title">The run</h2>
    ${dataTable(
      'Stages',
      [
        { heading: 'Stage', kind: 'text', cell: ({ stage }: StageFacts) => stage },
        { heading: 'State', kind: 'text', cell: ({ state }) => (state === 'running' ? 'done' : state) },
        {
          heading: 'Time',
          kind: 'number',
          cell: ({ durationMs }) => duration(durationMs),
          sortBy: ({ durationMs }) => durationMs,
        },
        { heading: 'Facts', kind: 'text', cell: ({ detail }) => detail.replaceAll('  ', ' · ') },
      ],
      facts.stages,
    )}
    <h3>Set-up</h3>
    <dl class="facts-list">
      ${setUp(config, facts).map(
        ([name, value]) =>
          html`<dt>${name}</dt>
            <dd>${value}</dd> `,
      )}
    </dl>
    <details>
      <summary>Artifacts and hashes</summary>
      ${dataTable(
        'Artifacts',
        [
          { heading: 'Stage', kind: 'text', cell: ({ stage }: (typeof artifacts)[number]) => stage },
          { heading: 'What', kind: 'text', cell: ({ name }) => name },
          { heading: 'From the store', kind: 'text', cell: ({ cached }) => (cached ? 'yes' : 'no') },
          {
            heading: 'Folder',
            kind: 'text',
            cell: ({ reference }) => html`<span class="hash">${reference.uri}</span>`,
          },
          {
            heading: 'SHA-256',
            kind: 'text',
            cell: ({ reference }) => html`<span class="hash">${reference.sha256}</span>`,
          },
        ],
        artifacts,
      )}
    </details>
    <details>
      <summary>Resolved recipe</summary>
      <pre>${JSON.stringify(withDiskNames(config), null, 2)}</pre>
    </details>
    <h3>Departures from the paper and its released code</h3>
    <ul class="departures">
      ${DEPARTURES.map((departure) => html`<li>${departure}</li> `)}
    </ul>
  </section> `;
}

function setUp(config: RunSummary['config'], { engine, versions }: RunSummary['facts']): [string, string][] {
  return [
    ['Model', config.model.path],
    ['Dataset', config.dataset.path.join(', ')],
    ['Test rows', [config.evaluation.path ?? 'none'].flat().join(', ')],
    [
      'Engine',
      engine === null
        ? 'not recorded'
        : `${engine.engine} ${engine.libraryVersion} on ${engine.device}, ${engine.settings}`,
    ],
    ['Seeds', `${config.run.seed} for all draws, ${config.gradients.projectionSeed} for the projection`],
    [
      'Gradients',
      `projected to ${config.gradients.sketch} numbers (${config.gradients.projection}), stored as ${config.gradients.storage}`,
    ],
    ['Versions', versions.map(({ name, version }) => `${name} ${version}`).join(', ')],
  ];
}
