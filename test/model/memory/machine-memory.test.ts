import { totalmem } from 'node:os';
import { describe, expect, test } from 'vitest';
import { cacheBytesOf, hostMemory, processMemory } from '../../../model/memory/machine-memory.ts';

describe('the memory of a process', () => {
  test('is what the environment says, else nearly all of the machine', () => {
    expect(processMemory({ TIVE_MEMORY_BYTES: '8e9' })).toBe(8e9);
    for (const said of [{}, { TIVE_MEMORY_BYTES: '' }, { TIVE_MEMORY_BYTES: 'much' }])
      expect(processMemory(said)).toBe(Math.floor(0.95 * hostMemory()));
    expect(hostMemory()).toBeLessThanOrEqual(totalmem());
  });

  test('holds pictures’ vectors in a small part, half a gibibyte at most', () => {
    expect(cacheBytesOf(3.2e9)).toBe(0.1e9);
    expect(cacheBytesOf(1e12)).toBe(512 * 1024 ** 2);
  });
});
