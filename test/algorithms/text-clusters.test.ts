import { describe, expect, test } from 'vitest';
import { createRandom } from '../../algorithms/random-stream.ts';
import { fitTextClusters, nearestCluster } from '../../algorithms/text-clusters.ts';
import type { WordCounts } from '../../algorithms/text-clusters.ts';

const words = (text: string): WordCounts => {
  const counts = new Map<string, number>();
  for (const word of text.split(' ')) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
};

/** Texts of three kinds, each with words of its own and some that all have. */
function makeTexts(count: number): { text: WordCounts; kind: number }[] {
  const random = createRandom('test/texts', 1);
  const kinds = [
    ['colour', 'red', 'blue', 'paint'],
    ['count', 'number', 'many', 'sum'],
    ['place', 'left', 'right', 'above'],
  ];
  return Array.from({ length: count }, (_, index) => {
    const kind = index % 3;
    const own = Array.from({ length: 4 }, () => kinds[kind]![Math.floor(random.uniform() * 4)]!);
    const shared = ['the', 'what', 'picture'][Math.floor(random.uniform() * 3)]!;
    return { text: words([...own, shared, `only${index}`].join(' ')), kind };
  });
}

describe('clusters of texts', () => {
  const texts = makeTexts(300);
  const clusters = fitTextClusters(texts.map(({ text }) => text));

  test('are as many as there are kinds, and hold them apart', () => {
    expect(clusters.centroids).toHaveLength(3);
    const found = texts.map(({ text }) => nearestCluster(clusters, text));
    for (const kind of [0, 1, 2]) {
      const own = new Set(found.filter((_, index) => texts[index]!.kind === kind));
      expect(own.size).toBe(1);
    }
    expect(new Set(found).size).toBe(3);
  });

  test('say which numbers were tried, and how well each fits', () => {
    const best = clusters.tried.reduce((found, fit) => (fit.silhouette > found.silhouette ? fit : found));
    expect(best.clusterCount).toBe(3);
    expect(clusters.tried.length).toBeGreaterThan(5);
    for (const { silhouette } of clusters.tried) expect(Math.abs(silhouette)).toBeLessThanOrEqual(1);
  });

  test('are named by words of their own', () => {
    const named = clusters.words.flat();
    expect(named).not.toContain('the');
    expect(new Set(named).size).toBe(named.length);
  });

  test('are the same again', () => {
    expect(fitTextClusters(texts.map(({ text }) => text))).toEqual(clusters);
  });

  test('a text of unknown words is put somewhere', () => {
    expect(nearestCluster(clusters, words('zebra'))).toBe(0);
  });
});

test.each([
  ['no text', []],
  ['one text', ['a']],
  ['equal texts', Array.from({ length: 50 }, () => 'a b')],
  ['texts without words', ['', '', '']],
])('%s is one cluster', (_, texts) => {
  const clusters = fitTextClusters(texts.map(words));
  expect(clusters.centroids).toHaveLength(1);
  expect(nearestCluster(clusters, words('a'))).toBe(0);
  for (const centroid of clusters.centroids) expect(centroid.every(Number.isFinite)).toBe(true);
});
