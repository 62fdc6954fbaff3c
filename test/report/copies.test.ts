import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import type { CopiesSummary } from '../../contracts/summary.ts';
import { renderReport } from '../../report/render-report.ts';
import { demoSummary } from './demo-summary.ts';

const picture = (letter: string): string => `data:image/jpeg;base64,${letter.repeat(4)}`;
const COPIES: CopiesSummary = {
  tasks: [
    { task: 'a<b>', changed: { flip: 1200, crop: 3 }, plain: { no_picture: 2 } },
    { task: 'c', changed: {}, plain: { no_picture: 5, not_english: 9 } },
  ],
  examples: [
    {
      task: 'a<b>',
      rowIndex: 1234,
      copy: 2,
      operation: 'flip',
      parameter: 0,
      parent: picture('A'),
      changed: picture('B'),
    },
    {
      ...{ task: 'a<b>', rowIndex: 7, copy: 3, operation: 'brightness', parameter: -0.034 },
      ...{ parent: 'javascript:alert(1)', changed: picture('C') },
    },
  ],
};

function section(copies: CopiesSummary) {
  const { document } = parseHTML(renderReport({ ...demoSummary(3), copies }));
  return document.querySelector('#copies')!;
}

describe('repeated rows in the report', () => {
  test('are counted by task and operation, and those that stay the same with the reasons', () => {
    const found = section(COPIES);
    expect(found.querySelector('.lead')!.textContent!.replace(/\s+/g, ' ').trim()).toBe(
      'Rows that are taken again make 1,219 copies beyond the first of each. 1,203 of them have changed ' +
        'pictures, by an operation that the words of the row allow; the others are the same again: 9 of rows whose ' +
        'texts are not known to be English, 7 of rows without pictures.',
    );
    const rows = [...found.querySelectorAll('tr')].map((row) =>
      [...row.querySelectorAll('th, td')].map((cell) => cell.textContent!.trim()),
    );
    expect(rows).toEqual([
      ['Task', 'Copies', 'Border', 'Crop', 'Flip', 'Brightness', 'Resample', 'The same'],
      ['a<b>', '1,205', '0', '3', '1,200', '0', '0', '2'],
      ['c', '14', '0', '0', '0', '0', '0', '14'],
    ]);
  });

  test('are shown beside the pictures that they were made of, and nothing but JPEGs is', () => {
    const shown = [...section(COPIES).querySelectorAll('li')];
    expect(shown.map((row) => [...row.querySelectorAll('img')].map((image) => image.getAttribute('src')))).toEqual([
      [picture('A'), picture('B')],
      [picture('C')],
    ]);
    expect(shown.map((row) => row.querySelector('p')!.textContent)).toEqual(['flip', 'brightness −3.4 %']);
    expect(shown[0]!.querySelector('.facts')!.textContent).toBe('a<b> · row 1,234 · copy 2');
  });

  test('are without pictures where the report leaves them out, and no section where no copy is to be changed', () => {
    expect([...section({ ...COPIES, examples: [] }).querySelectorAll('img, h4')]).toEqual([]);
    expect(renderReport(demoSummary(3))).not.toContain('id="copies"');
  });
});
