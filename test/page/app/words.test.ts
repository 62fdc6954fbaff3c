// Numbers, times and shares in words.
import { expect, test } from 'vitest';
import {
  agoWords,
  attributeWords,
  bytesWords,
  leftWords,
  middleCut,
  paceWords,
  shareWords,
  stageCounts,
  stageShare,
} from '../../../page/app/logic/words.ts';
import type { StageProgress } from '../../../contracts/messages/run.ts';

const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

test('the time left is told as well as it is known', () => {
  expect(leftWords(null)).toBe('');
  expect(plain(leftWords(0.2))).toBe('about 1 s left');
  expect(plain(leftWords(89))).toBe('about 1 min 29 s left');
  expect(plain(leftWords(91))).toBe('about 2 min left');
  expect(plain(leftWords(5400))).toBe('about 1 h 30 min left');
});

test('a time is told by how long ago it was, later by its day', () => {
  const now = Date.parse('2026-05-06T12:00:00Z');
  expect(agoWords('2026-05-06T11:59:40Z', now)).toBe('just now');
  expect(agoWords('2026-05-06T11:57:00Z', now)).toBe('3 min ago');
  expect(agoWords('2026-05-06T03:00:00Z', now)).toBe('9 h ago');
  expect(agoWords('2026-05-01T03:00:00Z', now)).toBe('2026-05-01');
  expect(agoWords('soon', now)).toBe('soon');
});

test('what runs is never all done, and nobody knows before its first part', () => {
  const stage = (changes: Partial<StageProgress>): StageProgress => ({
    stage: 'gradients',
    state: 'running',
    detail: '',
    doneCount: 0,
    totalCount: 8,
    startedAtMs: null,
    durationMs: null,
    ...changes,
  });
  expect(stageShare(stage({}))).toBeNull();
  expect(stageShare(stage({ doneCount: 2 }))).toBe(0.25);
  expect(stageShare(stage({ state: 'waiting' }))).toBe(0);
  expect(stageShare(stage({ state: 'cached' }))).toBe(1);
  expect(plain(shareWords(1))).toBe('99 %');
});

test('bytes are counted by thousands', () => {
  expect(plain(bytesWords(0))).toBe('0 B');
  expect(plain(bytesWords(999))).toBe('999 B');
  expect(plain(bytesWords(34_000_000))).toBe('34.0 MB');
  expect(plain(bytesWords(410e6))).toBe('410 MB');
  expect(bytesWords(null)).toBe('–');
});

test('a long name keeps both ends', () => {
  expect(middleCut('short', 10)).toBe('short');
  expect(middleCut('visual_genome_questions', 11)).toBe('visua…tions');
  expect([...middleCut('😀'.repeat(30), 9)]).toHaveLength(9);
});

test('attributes of a log are text', () => {
  expect(attributeWords('a')).toBe('a');
  expect(attributeWords({ rows: 3 })).toBe('{"rows":3}');
  expect(attributeWords(undefined)).toBe('');
});

test('a pace and the time left are told as far as they are known', () => {
  expect(plain(paceWords({ rowsPerSecond: 118.42, secondsLeft: 3708 }))).toBe(
    '118 rows a second, about 1 h 2 min left',
  );
  expect(plain(paceWords({ rowsPerSecond: 0.4567, secondsLeft: null }))).toBe('0.457 rows a second');
  expect(plain(paceWords({ rowsPerSecond: null, secondsLeft: 12 }))).toBe('about 12 s left');
  expect(paceWords({ rowsPerSecond: null, secondsLeft: null })).toBe('');
});

test('what a stage counts are its parts, or what its one part has done', () => {
  const line = (changes: Partial<StageProgress>): StageProgress => ({
    stage: 'warmup',
    state: 'running',
    detail: '',
    doneCount: 0,
    totalCount: 1,
    startedAtMs: null,
    durationMs: null,
    ...changes,
  });
  const none = { share: null, rowsPerSecond: null, secondsLeft: null };
  const work = (doneCount: number, totalCount: number) => ({
    stage: 'warmup' as const,
    ...none,
    doneCount,
    totalCount,
  });
  expect(stageCounts(line({}), work(118, 1288))).toBe('118 of 1,288 steps');
  expect(stageCounts(line({ stage: 'dataset' }), work(5000, 0))).toBe('5,000 rows');
  expect(stageCounts(line({}), work(0, 288))).toBe('');
  expect(stageCounts(line({}), undefined)).toBe('');
  expect(stageCounts(line({ stage: 'gradients', doneCount: 20, totalCount: 64 }), work(118, 288))).toBe(
    '20 of 64 shards',
  );
});
