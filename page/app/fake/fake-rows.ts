// 665,298 made-up rows of a run, for the page's tests: every row is a function of its number.
import type { NearRow, RowLine, RowPage, RowState, RowView } from '../../api.ts';

/** Rows of LLaVA-1.5's mixture. */
export const ROW_COUNT = 665_298;

const TASKS = ['llava_conv', 'vqav2', 'gqa', 'okvqa', 'ocrvqa', 'aokvqa', 'textcaps', 'refcoco', 'vg', 'sharegpt'];

/** A text of a dataset that a page must not obey. */
export const HOSTILE = '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>';

/** A number in [0, 1) that a row and a purpose have. */
function draw(rowIndex: number, purpose: number): number {
  let mixed = Math.imul(rowIndex + 1, 0x9e3779b1) ^ Math.imul(purpose + 1, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
}

function stateOf(rowIndex: number): RowState {
  const drawn = draw(rowIndex, 0);
  return drawn < 0.15 ? 'selected' : drawn < 0.99 ? 'left_out' : 'set_aside';
}

/** The row of a number. */
export function fakeRow(rowIndex: number): RowLine {
  const state = stateOf(rowIndex);
  const isAside = state === 'set_aside';
  const task = TASKS[Math.floor(draw(rowIndex, 1) * TASKS.length)]!;
  return {
    rowIndex,
    id: `0000${rowIndex}`,
    task: isAside ? null : task,
    state,
    reason: isAside ? (draw(rowIndex, 2) < 0.7 ? 'image_missing' : 'no_answer') : null,
    copies: state === 'selected' ? 1 : 0,
    value: isAside ? null : draw(rowIndex, 3) * 2 - 1,
    loss: isAside ? null : draw(rowIndex, 4) * 4,
    norm: isAside ? null : 0.1 + draw(rowIndex, 5) * 12,
    tokens: 40 + Math.floor(draw(rowIndex, 6) * 900),
    pictureCount: isAside || rowIndex % 9 === 0 ? 0 : rowIndex % 7 === 0 ? 2 : 1,
    question: rowIndex === 1 ? HOSTILE : `What is to be seen in the ${rowIndex % 100}th corner of this picture?`,
    answer: isAside ? null : `A red square beside ${rowIndex % 13} blue circles.`,
  };
}

/** Everything of a row. */
export function fakeRowView(rowIndex: number): RowView {
  const row = fakeRow(rowIndex);
  const why = {
    selected:
      'It was drawn: its value is among the upper half of its task, and its probability was three times the mean.',
    left_out: 'It was not drawn: its task had room for 15 % of its rows.',
    set_aside: 'It was set aside: its picture is missing.',
  };
  return {
    ...row,
    turns: [
      { role: 'user', text: `${row.question ?? ''}\n<image>` },
      { role: 'assistant', text: row.answer ?? '' },
      { role: 'user', text: 'And what colour has the largest shape?' },
      { role: 'assistant', text: 'It is blue.' },
    ],
    el2n: row.loss === null ? null : row.loss / 4,
    rank: row.value === null ? null : Math.floor((1 - row.value) * 20_000),
    taskRowCount: row.value === null ? null : 66_000,
    probability: row.value === null ? null : 0.0004,
    why: why[row.state],
    source: `mix665k.json, row ${rowIndex}`,
  };
}

/** Rows that are made up to be near. */
export function fakeNearest(rowIndex: number): NearRow[] {
  return [7, 19, 23].map((step, index) => ({
    rowIndex: (rowIndex + step) % ROW_COUNT,
    task: fakeRow(rowIndex).task,
    cosine: 0.97 - index / 20,
  }));
}

let everyRow: RowLine[] | null = null;

/** A page of the rows that a query wants, as the contract's `RowQuery` says; all rows are looked at. */
export function fakePage(query: URLSearchParams): RowPage {
  everyRow ??= Array.from({ length: ROW_COUNT }, (_, rowIndex) => fakeRow(rowIndex));
  const text = query.get('text')?.toLowerCase() ?? null;
  const kept = everyRow.filter(
    (row) =>
      ['task', 'state', 'reason'].every((name) => !query.has(name) || row[name as 'task'] === query.get(name)) &&
      (text === null || `${row.question ?? ''} ${row.answer ?? ''}`.toLowerCase().includes(text)) &&
      (['value', 'loss', 'norm'] as const).every((name) => isWithin(row[name], name, query)),
  );
  const sort = query.get('sort');
  const key = sort === null || sort === 'row' ? 'rowIndex' : sort === 'rank' ? 'value' : (sort as 'value');
  const sign = query.get('descending') === 'true' ? -1 : 1;
  if (sort !== null) kept.sort((left, right) => sign * ((left[key] ?? Infinity) - (right[key] ?? Infinity)));
  const offset = Number(query.get('offset'));
  return {
    total: kept.length,
    all: ROW_COUNT,
    rows: kept.slice(offset, offset + Number(query.get('limit'))),
    tasks: TASKS.map((task) => ({ task, count: Math.round((ROW_COUNT * 0.99) / TASKS.length) })),
    reasons: [
      { reason: 'image_missing', count: 4657 },
      { reason: 'no_answer', count: 1996 },
    ],
    isPartial: false,
  };
}

function isWithin(value: number | null, name: string, query: URLSearchParams): boolean {
  const title = `${name[0]!.toUpperCase()}${name.slice(1)}`;
  const [least, most] = [query.get(`least${title}`), query.get(`most${title}`)];
  if (least === null && most === null) return true;
  return value !== null && (least === null || value >= Number(least)) && (most === null || value <= Number(most));
}
