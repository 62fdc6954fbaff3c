// PEFT folders of LoRA adapters, read and written.
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { InvalidConfigError } from '../contracts/failures.ts';
import { isJsonObject, parseJsonObject } from '../contracts/json-object.ts';
import type { JsonObject } from '../contracts/json-object.ts';
import { readTextFile } from '../contracts/outside-file.ts';
import type { AdapterValues, LoraSettings } from './adapter.ts';
import { matchesPattern, pathVariants, requireTargets } from './adapter-targets.ts';
import type { TargetSettings } from './adapter-targets.ts';
import { refusePickles } from './model-files.ts';
import { encodeSafetensors, openSafetensors } from './safetensors.ts';
import type { SafetensorsFile } from './safetensors.ts';
import { canonicalName } from './weight-names.ts';
import type { LinearLayer } from './weight-shapes.ts';

const ADAPTER_CONFIG_FILE = 'adapter_config.json';
const ADAPTER_MODEL_FILE = 'adapter_model.safetensors';
const PEFT_PREFIX = 'base_model.model.';

/** The keys of `adapter_config.json` that are read. */
interface PeftConfig extends TargetSettings {
  r: number;
  lora_alpha: number;
  use_rslora?: boolean;
  rank_pattern?: Record<string, number> | null;
  alpha_pattern?: Record<string, number> | null;
}

/**
 * Keys of `adapter_config.json` that are read here, or that leave the mathematics of stored tensors as they are: they
 * name the model, say which modules have tensors, or served training. Any other key must be empty.
 * @see peft 0.21 `LoraConfig`
 */
const HARMLESS_KEYS = new Set([
  'peft_type',
  'r',
  'lora_alpha',
  'use_rslora',
  'rank_pattern',
  'alpha_pattern',
  'bias',
  'init_lora_weights',
  'auto_mapping',
  'base_model_name_or_path',
  'revision',
  'peft_version',
  'task_type',
  'inference_mode',
  'target_modules',
  'exclude_modules',
  'layers_to_transform',
  'layers_pattern',
  // Read by peft only where `use_qalora`, `megatron_config`, or a trained head or embedding asks for them.
  'lora_dropout',
  'qalora_group_size',
  'megatron_core',
  'ensure_weight_tying',
  // Settings of a start that `init_lora_weights` names; without that name peft ignores them.
  'eva_config',
  'corda_config',
  'loftq_config',
  'lora_ga_config',
]);

/**
 * Ways to start A and B that leave the model's own weights alone. `pissa`, `olora`, `corda`, `loftq` and `lora_ga` take
 * their start away from the weights, so the stored tensors belong to another model; `mica` never trains B.
 * @see peft 0.21 `LoraLayer.update_layer`
 */
const HARMLESS_STARTS: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'orthogonal', 'eva'];

/**
 * Reads a PEFT LoRA folder. Keys of transformers 4 and 5 are accepted; the rank of each layer is its tensors' own.
 * @param modelFile of the values: {@link checkpointFile} where an earlier state of the same training is wanted
 * @throws InvalidConfigError for another adapter type, options that change the mathematics, or keys that fit no module
 */
export async function readAdapter(
  folder: string,
  layers: readonly LinearLayer[],
  modelFile = ADAPTER_MODEL_FILE,
): Promise<AdapterValues> {
  const config = await readPeftConfig(folder);
  const names = await readdir(folder);
  // A PEFT folder may hold pickles that nobody needs, such as training_args.bin.
  if (names.includes('non_lora_trainables.bin') || !names.includes(modelFile)) {
    await refusePickles(folder);
    throw new InvalidConfigError(`model.adapter: must hold ${modelFile}, got ${names.length} files in ${folder}`);
  }
  const file = await openSafetensors(join(folder, modelFile));
  try {
    const stored = new Map([...file.tensors.keys()].map((name) => [canonicalAdapterName(name), name]));
    const found = layers.filter(({ path }) => stored.has(`${path}.lora_A`) || stored.has(`${path}.lora_B`));
    if (found.length * 2 !== stored.size) {
      throw new InvalidConfigError(
        `adapter: keys must match modules, got ${found.length * 2} of ${stored.size}; first: ${[...file.tensors.keys()][0] ?? 'none'}`,
      );
    }
    requireTargets(
      config,
      layers.map(({ path }) => path),
      new Set(found.map(({ path }) => path)),
    );
    const values: AdapterValues = {
      settings: { rank: config.r, alpha: config.lora_alpha, targets: [], ...exceptionsOf(config) },
      parameters: [],
      scales: new Map(),
    };
    const scales = new Map<string, number>();
    for (const { path, target, shape } of found) {
      const [out, input] = shape;
      const rank = file.tensors.get(stored.get(`${path}.lora_A`) ?? '')?.shape[0] ?? 0;
      values.parameters.push(
        await readPart(file, stored, `${path}.lora_A`, [rank, input]),
        await readPart(file, stored, `${path}.lora_B`, [out, rank]),
      );
      scales.set(path, scaleOf(config, path, rank));
      if (!values.settings.targets.includes(target)) values.settings.targets.push(target);
    }
    return { ...values, scales };
  } finally {
    await file.close();
  }
}

async function readPart(
  file: SafetensorsFile,
  stored: ReadonlyMap<string, string>,
  name: string,
  shape: number[],
): Promise<AdapterValues['parameters'][number]> {
  const key = stored.get(name);
  const got = key === undefined ? undefined : file.tensors.get(key)?.shape;
  if (key === undefined || got?.join() !== shape.join()) {
    throw new InvalidConfigError(
      `adapter: ${name} must be [${shape.join(', ')}], got ${got === undefined ? 'nothing' : `[${got.join(', ')}]`}`,
    );
  }
  const values = await file.read(key);
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new InvalidConfigError(
      `${basename(file.path)}: ${key} must hold finite numbers, got ${values[bad]} at ${bad}; take a checkpoint from before its training broke down`,
    );
  }
  return { name, shape, values };
}

async function readPeftConfig(folder: string): Promise<PeftConfig> {
  const file = await readTextFile(join(folder, ADAPTER_CONFIG_FILE));
  if (file === null) {
    const names = await readdir(folder).catch(() => []);
    throw new InvalidConfigError(
      `model.adapter: must hold ${ADAPTER_CONFIG_FILE}, got ${names.length} files in ${folder}`,
    );
  }
  return parsePeftConfig(parseJsonObject(file, ADAPTER_CONFIG_FILE));
}

/** @throws InvalidConfigError for another adapter type, or a setting that changes the mathematics */
function parsePeftConfig(config: JsonObject): PeftConfig {
  const { peft_type: type, r, lora_alpha: alpha, bias = 'none', init_lora_weights: start } = config;
  const refused: [boolean, string][] = [
    [type !== 'LORA', `peft_type must be LORA, got ${JSON.stringify(type)}`],
    [bias !== 'none', `bias must be none, got ${JSON.stringify(bias)}; merge the adapter into the model`],
    [
      !HARMLESS_STARTS.includes(start),
      `init_lora_weights must leave the model's weights as they are, got ${JSON.stringify(start)}; ` +
        'save it with path_initial_model_for_weight_conversion, or merge it into the model',
    ],
    [!isSize(r) || !isSize(alpha), `r and lora_alpha must be positive numbers, got ${JSON.stringify([r, alpha])}`],
    ...['rank_pattern', 'alpha_pattern'].map((key): [boolean, string] => [
      !isPattern(config[key] ?? {}),
      `${key} must hold positive numbers by module, got ${JSON.stringify(config[key])}`,
    ]),
    ...Object.entries(config).map(([key, value]): [boolean, string] => [
      !HARMLESS_KEYS.has(key) && !isEmpty(value),
      `${key} must be empty, got ${JSON.stringify(value).slice(0, 80)}; merge the adapter into the model, or train a plain LoRA`,
    ]),
  ];
  const problem = refused.find(([isRefused]) => isRefused);
  if (problem !== undefined) throw new InvalidConfigError(`${ADAPTER_CONFIG_FILE}: ${problem[1]}`);
  return config as unknown as PeftConfig;
}

const isSize = (value: unknown): boolean => typeof value === 'number' && value > 0;

const isPattern = (value: unknown): boolean => isJsonObject(value) && Object.values(value).every(isSize);

/** Whether a setting says nothing: null, false, or an empty text, list or map. */
function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === null || value === false || value === '';
}

/** Exceptions are kept as they stand, for a folder that is written again. */
function exceptionsOf(config: PeftConfig): Pick<LoraSettings, 'peft'> {
  const { use_rslora = false, rank_pattern, alpha_pattern } = config;
  const isPlain = !use_rslora && isEmpty({ ...rank_pattern, ...alpha_pattern });
  return isPlain ? {} : { peft: { use_rslora, rank_pattern: rank_pattern ?? {}, alpha_pattern: alpha_pattern ?? {} } };
}

function scaleOf(config: PeftConfig, path: string, rank: number): number {
  const found = Object.entries(config.alpha_pattern ?? {}).find(([pattern]) => isNamed(path, pattern));
  const alpha = found?.[1] ?? config.lora_alpha;
  return alpha / (config.use_rslora === true ? Math.sqrt(rank) : rank);
}

/** Whether PEFT's pattern, the ending of a module's path or a regular expression for it, names the module. */
function isNamed(path: string, pattern: string): boolean {
  if (path === pattern || path.endsWith(`.${pattern}`)) return true;
  return matchesPattern('alpha_pattern', `(?:.*\\.)?(?:${pattern})`, pathVariants(path)) ?? false;
}

/** `base_model.model.<module>.lora_A.weight`, of either generation → `<canonical module>.lora_A`. */
function canonicalAdapterName(name: string): string {
  const path = name.startsWith(PEFT_PREFIX) ? name.slice(PEFT_PREFIX.length) : name;
  return (canonicalName(path) ?? path).replace(/\.weight$/, '');
}

/**
 * The two files of a PEFT folder, byte-identical for equal values.
 * `target_modules` is a regex on the decoder, since plain names would also hit the vision tower's layers.
 *
 * @param decoder path of the decoder in memory, `Architecture.decoderPath`
 */
export function encodeAdapter(values: AdapterValues, decoder: string): { name: string; bytes: Uint8Array }[] {
  const { rank, alpha, targets, peft } = values.settings;
  // The name by which the decoder's layers differ from the vision tower's.
  const anyLayer = decoder === 'model' ? 'layers' : decoder.replace(/^model\./, '');
  const config = {
    alpha_pattern: peft?.alpha_pattern ?? {},
    base_model_name_or_path: null,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: alpha,
    lora_dropout: 0.0,
    modules_to_save: null,
    peft_type: 'LORA',
    r: rank,
    rank_pattern: peft?.rank_pattern ?? {},
    target_modules: `.*${anyLayer}.*\\.(${targets.join('|')})`,
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: peft?.use_rslora ?? false,
  };
  return [
    { name: ADAPTER_CONFIG_FILE, bytes: Buffer.from(`${JSON.stringify(config, null, 2)}\n`) },
    { name: ADAPTER_MODEL_FILE, bytes: encodeParameters(values.parameters, decoder) },
  ];
}

/** Name of the file of an adapter's values after so many updates of its training. */
export function checkpointFile(step: number): string {
  return `checkpoint-${String(step).padStart(8, '0')}.safetensors`;
}

/** The file of an adapter's values, as PEFT names them; see {@link encodeAdapter}. */
export function encodeParameters(parameters: AdapterValues['parameters'], decoder: string): Uint8Array {
  const tensors = parameters.map(({ name, shape, values }) => ({
    name: `${PEFT_PREFIX}${name.replace(/^model\.language_model/, decoder)}.weight`,
    shape,
    values,
  }));
  return encodeSafetensors(tensors);
}
