// LoRA adapters of the decoder: their settings, values and the layout of their gradients.
import type { NamedTensor } from './safetensors.ts';
import type { LinearLayer } from './weight-shapes.ts';

/** Whether a module, or its parameter, mixes tokens: by attention, or by the linear attention of hybrid decoders. */
export function isAttention(path: string): boolean {
  return /\.(self_attn|linear_attn)\./.test(path);
}

/** What an adapter is: W + scale · B A on the target layers, A `[rank, in]`, B `[out, rank]`, scale alpha / rank. */
export interface LoraSettings {
  rank: number;
  alpha: number;
  targets: string[];
  /** What PEFT says beside: exceptions by module, and the scale alpha / √rank. Absent for an adapter of our own. */
  peft?: { use_rslora: boolean; rank_pattern: Record<string, number>; alpha_pattern: Record<string, number> };
}

/** A LoRA adapter's values on the host, in `parameter_order`: what is stored, trained and written. */
export interface AdapterValues {
  settings: LoraSettings;
  /** Layer by layer, PEFT's order inside a layer, A before B; names without `.weight`, e.g. `….q_proj.lora_A`. */
  parameters: NamedTensor[];
  /** Scale of each module path. */
  scales: ReadonlyMap<string, number>;
}

/**
 * A fresh adapter: A uniform in ±1/√in (torch's `kaiming_uniform_(a=√5)`), B zero, so that it changes nothing yet.
 *
 * @param layers the decoder's, in `parameter_order`
 * @param uniform next number of a named random stream, in (0, 1)
 */
export function initialAdapter(
  layers: readonly LinearLayer[],
  settings: LoraSettings,
  uniform: () => number,
): AdapterValues {
  const parameters: NamedTensor[] = [];
  const scales = new Map<string, number>();
  for (const { path, target, shape } of layers) {
    if (!settings.targets.includes(target)) continue;
    const [out, input] = shape;
    const bound = 1 / Math.sqrt(input);
    const a = Float32Array.from({ length: settings.rank * input }, () => (2 * uniform() - 1) * bound);
    parameters.push({ name: `${path}.lora_A`, shape: [settings.rank, input], values: a });
    parameters.push({
      name: `${path}.lora_B`,
      shape: [out, settings.rank],
      values: new Float32Array(out * settings.rank),
    });
    scales.set(path, settings.alpha / settings.rank);
  }
  return { settings, parameters, scales };
}

/** Where one parameter lies in the gradient vector. */
export interface ParameterPlace {
  name: string;
  shape: number[];
  /** First coordinate in the flat vector. */
  start: number;
}

/**
 * The gradient vector: adapter parameters of attention, concatenated in `parameter_order`, row-major.
 * An adapter without attention layers gives all its parameters.
 */
export function gradientLayout(values: AdapterValues): { places: ParameterPlace[]; length: number } {
  const attention = values.parameters.filter(({ name }) => isAttention(name));
  const places: ParameterPlace[] = [];
  let length = 0;
  for (const { name, shape } of attention.length > 0 ? attention : values.parameters) {
    places.push({ name, shape, start: length });
    length += shape.reduce((product, size) => product * size, 1);
  }
  return { places, length };
}
