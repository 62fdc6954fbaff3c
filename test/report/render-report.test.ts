import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import type { RunSummary } from '../../contracts/summary.ts';
import { DEPARTURES } from '../../report/departures.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import { escapeHtml, html } from '../../report/html.ts';
import { renderReport } from '../../report/render-report.ts';
import { DEMO_CONFIG, demoSummary } from './demo-summary.ts';

const HOSTILE = `"><script>alert(1)</script><svg onload='alert(2)'>&amp;\u001b[31m\u202e\u0000\ud800`;

/** A summary with hostile text wherever text of the dataset, the model's folder or an engine can stand. */
function hostileSummary(): RunSummary {
  const summary = demoSummary(3);
  const rename = <Row extends { task: string }>(rows: Row[]): Row[] =>
    rows.map((row, index) => ({ ...row, task: `${HOSTILE}${index}` }));
  const evaluation = summary.evaluation!;
  return {
    ...summary,
    runName: HOSTILE,
    config: {
      ...DEMO_CONFIG,
      dataset: { ...DEMO_CONFIG.dataset, path: [HOSTILE] },
      model: { ...DEMO_CONFIG.model, path: HOSTILE },
    },
    tasks: rename(summary.tasks),
    instanceValues: { ...summary.instanceValues, tasks: rename(summary.instanceValues.tasks) },
    evaluation: { ...evaluation, scores: evaluation.scores.map((score) => ({ ...score, tasks: rename(score.tasks) })) },
    quarantine: [{ reason: 'role_order', count: 1, examples: [{ rowIndex: 1, task: HOSTILE, detail: HOSTILE }] }],
    examples: [0, 1, 2].map((index) => ({
      ...summary.examples[0]!,
      task: `${HOSTILE}${index}`,
      thumbnail:
        index === 0
          ? `data:image/jpeg;base64,AAAA`
          : index === 1
            ? `data:image/svg+xml;base64,AAAA`
            : `data:image/jpeg;base64,AAAA" onerror="alert(3)`,
      turns: [{ role: HOSTILE, text: HOSTILE }],
    })),
    facts: {
      durationMs: null,
      engine: { engine: HOSTILE, libraryVersion: HOSTILE, device: HOSTILE, settings: HOSTILE },
      stages: summary.facts.stages.map((stage) => ({
        ...stage,
        detail: HOSTILE,
        artifacts: stage.artifacts.map((artifact) => ({ ...artifact, name: HOSTILE })),
      })),
      versions: [{ name: HOSTILE, version: HOSTILE }],
    },
    warnings: [HOSTILE],
  };
}

describe('report', () => {
  test('equal summaries give equal bytes, and rendering changes nothing in them', () => {
    const summary = demoSummary();
    const before = structuredClone(summary);
    expect(renderReport(summary)).toBe(renderReport(before));
    expect(summary).toEqual(before);
  });

  test('the policy forbids every request, and the page names no address but the namespace of SVG', () => {
    const page = renderReport(demoSummary());
    const policy = parseHTML(page)
      .document.querySelector('meta[http-equiv="Content-Security-Policy"]')!
      .getAttribute('content')!;
    expect(policy).toContain(
      "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
    );
    expect(page.replaceAll('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(
      /https?:|url\(|@import|\ssrc="(?!data:)/i,
    );
  });

  test('hostile text stays text: no element, attribute, script, control or direction mark comes from it', () => {
    const page = renderReport(hostileSummary());
    const { document } = parseHTML(page);
    expect(document.querySelectorAll('script')).toHaveLength(1);
    expect(
      [...document.querySelectorAll('*')]
        .flatMap((element) => [...element.attributes])
        .filter(({ name }) => name.startsWith('on')),
    ).toEqual([]);
    expect(page).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/u);
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect([...document.querySelectorAll('svg')].every((svg) => svg.getAttribute('xmlns') !== null)).toBe(true);
  });

  test('only JPEG data made for the report is shown as a picture', () => {
    const pictures = parseHTML(renderReport(hostileSummary())).document.querySelectorAll('img');
    expect([...pictures].map((picture) => picture.getAttribute('src'))).toEqual(['data:image/jpeg;base64,AAAA']);
  });

  test('every figure has a caption, a name and its numbers as a table; every table has headers with a scope', () => {
    const { document } = parseHTML(renderReport(demoSummary()));
    const figures = [...document.querySelectorAll('figure')];
    expect(figures.length).toBe(12);
    for (const figure of figures) {
      expect(figure.querySelector('figcaption')!.textContent).not.toBe('');
      expect(figure.querySelector('[role=img]')!.getAttribute('aria-label')).toBe(
        figure.querySelector('figcaption')!.textContent,
      );
      expect(figure.querySelector('details table')).not.toBeNull();
    }
    const headers = [...document.querySelectorAll('th')];
    expect(headers.filter((header) => header.getAttribute('scope') === null)).toEqual([]);
    expect([...document.querySelectorAll('table')].filter((table) => table.querySelector('caption') === null)).toEqual(
      [],
    );
  });

  test('every entry of the contents leads to a section, and sections without data are left out', () => {
    const bare = {
      ...demoSummary(),
      evaluation: null,
      examples: [],
      instanceValues: { ...demoSummary().instanceValues, tasks: [] },
      gradientNorms: [],
      space: null,
      bias: [],
      training: [],
    };
    const WHOLE = [
      'verdict',
      'evaluation',
      'mixture',
      'tasks',
      'values',
      'directions',
      'examples',
      'bias',
      'training',
      'quarantine',
      'run',
    ];
    for (const [summary, ids] of [
      [demoSummary(), WHOLE],
      [bare, ['verdict', 'mixture', 'tasks', 'quarantine', 'run']],
    ] as const) {
      const { document } = parseHTML(renderReport(summary));
      expect([...document.querySelectorAll('nav a')].map((link) => link.getAttribute('href'))).toEqual(
        ids.map((id) => `#${id}`),
      );
      expect([...document.querySelectorAll('section')].map((section) => section.id)).toEqual(ids);
    }
  });

  test('a run with very many tasks draws the largest and lists all', () => {
    const one = demoSummary(1);
    const tasks = Array.from({ length: 191 }, (_, index) => ({ ...one.tasks[0]!, task: `task ${index}` }));
    const { document } = parseHTML(renderReport({ ...one, tasks, evaluation: null, examples: [] }));
    expect(document.querySelectorAll('#tasks > .scroll tbody tr')).toHaveLength(191);
    expect(document.querySelector('#mixture figcaption')!.textContent).toContain(
      'The 40 largest of 191 tasks are drawn.',
    );
  });

  test('all departures from the paper are listed', () => {
    const listed = parseHTML(renderReport(demoSummary(1))).document.querySelectorAll('.departures li');
    expect([...listed].map((item) => item.textContent)).toEqual(DEPARTURES);
  });
});

describe('disk names', () => {
  test('keys become snake_case all the way down, values and lists stay', () => {
    expect(withDiskNames({ maxRows: null, loraTarget: ['qProj', { learningRate: 0.1 }] })).toEqual({
      max_rows: null,
      lora_target: ['qProj', { learning_rate: 0.1 }],
    });
  });
});

describe('html', () => {
  test('escapes what is put in, joins lists, keeps its own markup, and leaves null out', () => {
    expect(html`<p title="${'"'}">${['<', html`<b>${'&'}</b>`, 3, null]}</p>`.markup).toBe(
      '<p title="&quot;">&lt;<b>&amp;</b>3</p>',
    );
  });

  test('line feeds and tabs stay, other controls become visible', () => {
    expect(escapeHtml('a\tb\nc\u001bd\u009be\u202ef')).toBe('a\tb\nc\ufffdd\ufffde\ufffdf');
  });
});
