import { describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../contracts/failures.ts';
import { matchesPattern, requireTargets } from '../../model/adapter-targets.ts';
import type { TargetSettings } from '../../model/adapter-targets.ts';

const MODULES = ['self_attn.q_proj', 'self_attn.v_proj', 'mlp.up_proj'];
const at = (layer: number, module: string): string => `model.language_model.layers.${layer}.${module}`;
const ALL = [0, 1, 2].flatMap((layer) => MODULES.map((module) => at(layer, module)));
const Q = ALL.filter((path) => path.endsWith('q_proj'));

const check = (config: TargetSettings, found: readonly string[]) => (): void =>
  requireTargets(config, ALL, new Set(found));

describe('an adapter with every module that it names is taken', () => {
  test.each<[TargetSettings, readonly string[]]>([
    [{ target_modules: ['q_proj'] }, Q],
    [{ target_modules: 'all-linear' }, ALL],
    [{ target_modules: '.*language_model.*\\.(q_proj|v_proj|up_proj)' }, ALL],
    // As LLaMA-Factory writes them, where the tower is frozen.
    [{ target_modules: '^(?!.*(?:vision_tower|projector)).*(?:q_proj).*' }, Q],
    [{ target_modules: 'model\\.layers\\.\\d+\\.self_attn\\.q_proj' }, Q],
    [{ target_modules: ['q_proj', 'fc1'], exclude_modules: ['fc1'] }, Q],
    [{ target_modules: 'all-linear', exclude_modules: '.*(v_proj|up_proj)' }, Q],
    [{ target_modules: ['q_proj'], layers_to_transform: [0, 2] }, [Q[0]!, Q[2]!]],
    [{ target_modules: ['q_proj'], layers_to_transform: 1 }, [Q[1]!]],
    // Python's own words for a group: every layer has what one has.
    [{ target_modules: '(?P<name>.*q_proj)' }, Q],
    [{}, Q],
  ])('%o', (config, found) => {
    expect(check(config, found)).not.toThrow();
  });
});

describe('an adapter that lacks a module is refused by the module’s name', () => {
  test.each<[string, TargetSettings, readonly string[], string]>([
    ['a layer', { target_modules: ['q_proj'] }, Q.slice(0, 2), `1 of 3 without; first: ${Q[2]!};`],
    [
      'half of a projection',
      { target_modules: ['q_proj', 'v_proj'] },
      ALL.slice(0, 4),
      `3 of 6 without; first: ${at(1, 'self_attn.v_proj')};`,
    ],
    [
      'a layer that layers_to_transform names',
      { target_modules: ['q_proj'], layers_to_transform: [0, 1] },
      [Q[0]!],
      `1 of 2 without; first: ${Q[1]!};`,
    ],
    [
      'a layer, where names cannot be read',
      { target_modules: '(?P<name>.*q_proj)' },
      Q.slice(1),
      `1 of 3 without; first: ${Q[0]!};`,
    ],
  ])('%s', (_, config, found, message) => {
    expect(check(config, found)).toThrow(InvalidConfigError);
    expect(check(config, found)).toThrow(
      `adapter: every module of target_modules must have lora_A and lora_B, got ${message}`,
    );
  });

  test('and one with more than it names, since peft leaves them out', () => {
    expect(check({ target_modules: ['q_proj'] }, ALL)).toThrow(
      `adapter: every module with tensors must be one of target_modules, got 6 that peft would leave out; first: ${ALL[1]!}; correct`,
    );
  });
});

test('an expression that does not end is refused by its key', () => {
  expect(() => matchesPattern('alpha_pattern', '([a-z0-9_.]+)+!', Q)).toThrow(
    'adapter_config.json: alpha_pattern must match or not, got "([a-z0-9_.]+)+!", which takes longer than 2 s; write it without nested repetitions',
  );
});
