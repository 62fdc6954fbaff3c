import { expect, test } from 'vitest';
import { HeldSource } from '../../../activities/training/held-source.ts';
import type { SourceParts } from '../../../activities/training/held-source.ts';
import type { ExampleSource } from '../../../activities/shared/examples.ts';

const PARTS = { key: 'rows', model: {}, dataset: {} } as unknown as SourceParts;

/** A source that notes its end. */
function sourceOf(vectorBytes: number): ExampleSource & { closed: number } {
  const source = {
    ahead: 0,
    vectorBytes,
    endsAnswers: true,
    textOf: null,
    closed: 0,
    scope: () => Promise.reject(new Error('not asked')),
    examples: () => Promise.reject(new Error('not asked')),
    close: () => {
      source.closed += 1;
      return Promise.resolve();
    },
  };
  return source;
}

/** Which source was worked with. */
const used = (held: HeldSource, parts: SourceParts, source: ExampleSource): Promise<ExampleSource> =>
  held.use(parts, () => Promise.resolve(source), (given) => Promise.resolve(given)); // oxfmt-ignore

test('a source is used again while all that it is made of is the same, then closed', async () => {
  const held = new HeldSource();
  const [first, second] = [sourceOf(1), sourceOf(1)];
  expect(await used(held, PARTS, first)).toBe(first);
  expect(await used(held, { ...PARTS }, second)).toBe(first);
  expect(first.closed).toBe(0);
  for (const other of [{ key: 'others' }, { model: {} }, { dataset: {} }] as Partial<SourceParts>[]) {
    const next = sourceOf(1);
    expect(await used(held, { ...PARTS, ...other }, next)).toBe(next);
  }
  expect(first.closed).toBe(1);
});

test.each([0, 65 * 1024 ** 2])('one that keeps %i bytes of vectors is closed at once', async (vectorBytes) => {
  const held = new HeldSource();
  const [first, second] = [sourceOf(vectorBytes), sourceOf(1)];
  await used(held, PARTS, first);
  expect(first.closed).toBe(1);
  expect(await used(held, PARTS, second)).toBe(second);
});

test('one whose work failed is closed and not used again', async () => {
  const held = new HeldSource();
  const [first, second] = [sourceOf(1), sourceOf(1)];
  await used(held, PARTS, first);
  const failed = held.use(PARTS, () => Promise.resolve(second), () => Promise.reject(new Error('changed'))); // oxfmt-ignore
  await expect(failed).rejects.toThrow('changed');
  expect(first.closed).toBe(1);
  expect(await used(held, PARTS, second)).toBe(second);
});
