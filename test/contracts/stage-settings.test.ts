import { describe, expect, test } from 'vitest';
import { loadPreset } from '../../client/recipe/recipe.ts';
import type { Config } from '../../contracts/config.ts';
import { COVERED_BY_CONTENT, STAGE_READS, WITHOUT_EFFECT_ON_RESULTS } from '../../contracts/stage-reads.ts';
import type { StageReads } from '../../contracts/stage-reads.ts';
import { withoutLaterKeys } from '../../contracts/later-keys.ts';
import { settingsOf } from '../../contracts/stage-settings.ts';
import { canonicalJson } from '../../store/addresses.ts';

const { config } = loadPreset('demo');
const PATHS = Object.entries(config).flatMap(([section, keys]) => Object.keys(keys).map((key) => `${section}.${key}`));

/** A config whose values are the paths of their keys. */
const pathConfig = Object.fromEntries(
  Object.entries(config).map(([section, keys]) => [
    section,
    Object.fromEntries(Object.keys(keys).map((key) => [key, `${section}.${key}`])),
  ]),
) as unknown as Config;

const READERS = Object.keys(STAGE_READS) as (keyof StageReads)[];
const READ = READERS.flatMap((reader) =>
  Object.values(settingsOf(reader, pathConfig) as object).flatMap((group: string | object) =>
    typeof group === 'string' ? [group] : Object.values<string>(group as Record<string, string>),
  ),
);

/** Layouts of the addresses of version 0.1.0, for the preset `demo`. */
const LAYOUTS: Readonly<Record<keyof StageReads, string>> = {
  dataset:
    '{"dataset":{"columns":null,"format":"auto","maxImages":1,"maxQuarantinedFraction":0.02,"maxRows":null,"taskField":"dataset",' +
    '"taskRules":null},"plan":{"cutoffLen":256,"shardRows":512,"tokenBudget":2560},"template":"auto"}',
  newRows: '{"plan":{"shardRows":512,"tokenBudget":2560}}',
  warmup:
    '{"prompt":{"cutoffLen":256,"imageAspect":"auto","template":"auto","tokenBudget":2560},"seed":42,' +
    '"warmup":{"balance":"per_task","batchSize":16,"epochs":3,"fraction":0.08,"learningRate":0.003,"loraAlpha":32,' +
    '"loraRank":16,"loraTarget":["q_proj","k_proj","v_proj","o_proj"],"schedule":"cosine","warmupFraction":0.03}}',
  gradients:
    '{"projection":{"kind":"sparse","seed":0,"sketch":512,"storage":"float32"},' +
    '"prompt":{"cutoffLen":256,"imageAspect":"auto","template":"auto"}}',
  values:
    '{"excludeTasks":[],"seed":42,' +
    '"values":{"instanceValue":"mean_of_cosines","selfTerm":true,"taskValue":"gradient_norm"}}',
  selection: '{"essTarget":null,"lambda":3,"method":"tive","ranks":"top","replacement":false,"seed":42}',
  finetune:
    '{"finetune":{"batchSize":16,"enabled":true,"epochs":3,"learningRate":0.003,"loraAlpha":32,"loraRank":16,' +
    '"loraTarget":["q_proj","k_proj","v_proj","o_proj"],"schedule":"cosine","warmupFraction":0.03},' +
    '"prompt":{"cutoffLen":256,"imageAspect":"auto","template":"auto","tokenBudget":2560},"seed":42}',
  evaluation: '{"prompt":{"cutoffLen":256,"imageAspect":"auto","template":"auto"}}',
};

describe('what stages read of a recipe', () => {
  test.each(READERS)('%s: the layout of its address is that of earlier artifacts', (reader) => {
    expect(canonicalJson(settingsOf(reader, config))).toBe(LAYOUTS[reader]);
  });

  test('each name holds the value of its own key, or of the one that is named', () => {
    expect(settingsOf('gradients', pathConfig)).toEqual({
      projection: {
        kind: 'gradients.projection',
        sketch: 'gradients.sketch',
        seed: 'gradients.projectionSeed',
        storage: 'gradients.storage',
      },
      prompt: {
        template: 'model.template',
        imageAspect: 'model.imageAspect',
        cutoffLen: 'gradients.cutoffLen',
      },
      trajectory: 'warmup.trajectory',
      preconditioner: 'gradients.preconditioner',
    });
    expect(settingsOf('values', pathConfig)).toMatchObject({
      values: { selfTerm: 'values.selfTerm' },
      excludeTasks: 'dataset.excludeTasks',
    });
  });

  test('a key that came later is in an address, and makes a recipe another one, only where it does something', () => {
    const changed = { ...config, warmup: { ...config.warmup, trajectory: 4 } };
    expect(settingsOf('warmup', changed)).toMatchObject({ warmup: { trajectory: 4 } });
    expect(settingsOf('gradients', changed)).toMatchObject({ trajectory: 4 });
    expect(withoutLaterKeys(changed)).toEqual({ ...withoutLaterKeys(config), warmup: changed.warmup });
    const scaled = { ...config, gradients: { ...config.gradients, preconditioner: 'adam' as const } };
    for (const reader of ['warmup', 'gradients'] as const)
      expect(settingsOf(reader, scaled)).toMatchObject({ preconditioner: 'adam' });
    const named = { ...config, dataset: { ...config.dataset, excludeRows: 'rows.txt' } };
    expect(settingsOf('dataset', named)).toEqual(settingsOf('dataset', config));
    expect(withoutLaterKeys(named)).not.toEqual(withoutLaterKeys(config));
    expect('excludeRows' in withoutLaterKeys(config).dataset).toBe(false);
    const { trajectory, ...earlier } = config.warmup;
    expect(trajectory).toBe(0);
    expect(withoutLaterKeys(config).warmup).toEqual(earlier);
    expect(withoutLaterKeys({ ...config, warmup: earlier })).toEqual(withoutLaterKeys(config));
  });

  test('every key of a recipe is read, stands for what it leads to, or has a reason to be in no address', () => {
    const others = [...Object.keys(COVERED_BY_CONTENT), ...Object.keys(WITHOUT_EFFECT_ON_RESULTS)];
    expect([...new Set([...READ, ...others])].sort()).toEqual([...PATHS].sort());
    expect(others.filter((path) => READ.includes(path))).toEqual([]);
    expect(new Set(others).size).toBe(others.length);
  });
});
