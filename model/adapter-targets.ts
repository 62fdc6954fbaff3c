// Which modules an adapter says that it adapts, and which of them its file holds.
import { DeadlineError, withDeadline } from '../algorithms/deadline.ts';
import { InvalidConfigError } from '../contracts/failures.ts';

/** What an `adapter_config.json` says of its modules, as peft reads it. */
export interface TargetSettings {
  /** Endings of module paths, a regular expression for whole paths, or `all-linear`. */
  target_modules?: readonly string[] | string | null;
  exclude_modules?: readonly string[] | string | null;
  /** Layers that alone are adapted. */
  layers_to_transform?: readonly number[] | number | null;
}

/** Paths under which published models of several generations know a decoder's module. */
export function pathVariants(path: string): string[] {
  return ['model.language_model', 'model.text_model', 'model', 'language_model.model'].map((decoder) =>
    path.replace(/^model\.language_model/, decoder),
  );
}

/** Time of the processor in milliseconds for an adapter's expression on one path. */
const MATCH_LIMIT_MS = 2000;

/**
 * Whether an expression that came with an adapter matches one of the paths; null where it is none that is read here.
 * @param key setting that holds it, for messages
 * @throws InvalidConfigError for one that does not end
 */
export function matchesPattern(key: string, pattern: string, paths: readonly string[]): boolean | null {
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${pattern})$`);
  } catch {
    return null;
  }
  try {
    return withDeadline(MATCH_LIMIT_MS, () => paths.some((path) => expression.test(path)));
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
    throw new InvalidConfigError(
      `adapter_config.json: ${key} must match or not, got ${JSON.stringify(pattern.slice(0, 80))}, which takes longer than ${MATCH_LIMIT_MS / 1000} s; ` +
        'write it without nested repetitions',
      { cause: error },
    );
  }
}

/**
 * Holds the modules that an adapter's file has against those that its config names.
 * @param all paths of every decoder module that could be adapted
 * @param found those that the file has tensors for
 * @throws InvalidConfigError where one is named and missing, or there and not named
 * @see peft 0.21 `check_target_module_exists`
 */
export function requireTargets(config: TargetSettings, all: readonly string[], found: ReadonlySet<string>): void {
  const wanted = all.filter((path) => isTarget(config, path, found));
  const missing = wanted.filter((path) => !found.has(path));
  if (missing.length > 0) {
    throw new InvalidConfigError(
      `adapter: every module of target_modules must have lora_A and lora_B, got ${missing.length} of ${wanted.length} ` +
        `without; first: ${missing[0]!}; fetch the file again, or name the layers in layers_to_transform`,
    );
  }
  const named = new Set(wanted);
  const more = [...found].filter((path) => !named.has(path));
  if (more.length === 0) return;
  throw new InvalidConfigError(
    `adapter: every module with tensors must be one of target_modules, got ${more.length} that peft would leave out; ` +
      `first: ${more[0]!}; correct adapter_config.json`,
  );
}

function isTarget(config: TargetSettings, path: string, found: ReadonlySet<string>): boolean {
  const { target_modules: targets, exclude_modules: excluded, layers_to_transform: layers } = config;
  if (excluded !== undefined && excluded !== null && isNamedBy('exclude_modules', excluded, path) === true)
    return false;
  if (layers !== undefined && layers !== null && ![layers].flat().includes(layerOf(path))) return false;
  const named = targets === 'all-linear' ? true : isNamedBy('target_modules', targets ?? [], path);
  // Names that are not read here: what one layer has, every layer must have.
  return named ?? [...found].some((other) => moduleOf(other) === moduleOf(path));
}

/** Null where it cannot be told: no names, or an expression of another dialect. */
function isNamedBy(key: string, names: readonly string[] | string, path: string): boolean | null {
  const variants = pathVariants(path);
  if (typeof names === 'string') return matchesPattern(key, names, variants);
  if (names.length === 0) return null;
  return names.some((name) => variants.some((variant) => variant === name || variant.endsWith(`.${name}`)));
}

const layerOf = (path: string): number => Number(/\.layers\.(\d+)\./.exec(path)?.[1]);

const moduleOf = (path: string): string => path.replace(/^.*\.layers\.\d+\./, '');
