import { z } from 'zod';
import type { Config } from '../../contracts/config.ts';
import { METHODS } from './methods.ts';

/** `budgetFraction` → `budget_fraction`. */
type SnakeCase<Text extends string> = Text extends `${infer Head}${infer Tail}`
  ? Head extends Lowercase<Head>
    ? `${Head}${SnakeCase<Tail>}`
    : `_${Lowercase<Head>}${SnakeCase<Tail>}`
  : Text;

/** A config with its keys as they stand in recipes. */
export type SnakeKeys<Value> = Value extends readonly unknown[] | null
  ? Value
  : Value extends object
    ? { [Key in keyof Value & string as SnakeCase<Key>]: SnakeKeys<Value[Key]> }
    : Value;

/** A recipe after defaults: the config but for what the file's place decides. */
export type Recipe = SnakeKeys<Config>;

type Issue = { input?: unknown };

/** `must be …, got …` for any way in which the value is wrong. */
const says = (what: string) => ({
  error: ({ input }: Issue) => `must be ${what}, got ${shown(input)}`,
});

function shown(input: unknown): string {
  if (typeof input === 'number') return String(input);
  return input === undefined ? 'nothing' : JSON.stringify(input);
}

const integer = (least: number, most = Number.MAX_SAFE_INTEGER) => {
  const what = says(
    most === Number.MAX_SAFE_INTEGER
      ? `a whole number of at least ${least}`
      : `a whole number from ${least} to ${most}`,
  );
  return z.number(what).int(what).min(least, what).max(most, what);
};
const fraction = () => {
  const what = {
    error: ({ input }: Issue) =>
      `must be in (0, 1], got ${shown(input)}` +
      (typeof input === 'number' && input > 1 && input <= 100 ? `; write ${input / 100} for ${input} %` : ''),
  };
  return z.number(what).gt(0, what).lte(1, what);
};
const share = () => {
  const what = says('in [0, 1]');
  return z.number(what).min(0, what).max(1, what);
};
const positive = () => {
  const what = says('a number above 0');
  return z.number(what).positive(what);
};
const oneOf = <const Options extends readonly string[]>(...options: Options) =>
  z.enum(options, says(`one of ${options.join(', ')}`));
const text = (what = 'text') => z.string(says(what)).min(1, says(what));
/** A path of this machine, or where `remote` is said an address in a bucket. */
const place = (what: string, remote = false) =>
  text(what).regex(remote ? /^(?!(?!s3:)[a-z][a-z\d+.-]*:\/\/)/i : /^(?![a-z][a-z\d+.-]*:\/\/)/i, says(what));
const flag = () => z.boolean(says('true or false'));
const list = <Item extends z.ZodType>(item: Item, what: string) => z.array(item, says(what));

const taskRules = () =>
  z.union(
    [
      z.enum(['llava-1.5', 'prefix', 'single', 'cluster']),
      z
        .array(
          z.strictObject({
            task: z.string().min(1),
            image: z.string().min(1).nullable().optional(),
            question: z.string().min(1).optional(),
          }),
        )
        .min(1),
    ],
    says('llava-1.5, prefix, single, cluster, or a list of { task, image?, question? }'),
  );

const sentTo = () => {
  const what = says('tensorboard, mlflow or an http address');
  return z.string(what).regex(/^(tensorboard|mlflow|https?:\/\/\S+)$/, what);
};

const sketch = () => {
  const what = says('a power of two from 2 to 1048576');
  return z.number(what).refine((value) => value >= 2 && value <= 2 ** 20 && Number.isInteger(Math.log2(value)), what);
};

/** The selectors, by the names that recipes use. */
const targets = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;

const map = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, says('a map of keys')).prefault({} as never);

/** Every key of a recipe with its type, range and default. docs/recipe.md says the same in words, docs/glossary.md has the formulas. */
export const recipeSchema = map({
  run: map({
    name: z
      .string(says('text'))
      .regex(/^[a-z0-9-]{1,64}$/, says('1 to 64 of a-z, 0-9, -'))
      .nullable()
      .default(null),
    seed: integer(0).default(42),
    output_dir: text('a folder').default('./runs'),
  }),
  store: map({ uri: text('a folder or s3://bucket/prefix').default('./tive-store') }),
  model: map({
    path: place('a model folder'),
    adapter: place('a PEFT folder or null').nullable().default(null),
    engine: oneOf('auto', 'tensorflow', 'wasm', 'cpu').default('auto'),
    template: oneOf('auto', 'vicuna_v1', 'chat_template').default('auto'),
    image_aspect: oneOf('auto', 'pad', 'crop').default('auto'),
  }),
  dataset: map({
    path: z.union(
      [place('a file', true), list(place('a file', true), 'a list of files').min(1)],
      says('a file, a folder, s3://bucket/prefix/file or a list of them'),
    ),
    format: oneOf('auto', 'llava', 'sharegpt', 'messages', 'parquet', 'webdataset').default('auto'),
    image_folder: z
      .union([text(), list(text(), 'a list of folders').min(1)], says('a folder, a list of folders or null'))
      .nullable()
      .default(null),
    task_field: text('a key of the rows').default('dataset'),
    task_rules: taskRules().nullable().default('llava-1.5'),
    exclude_tasks: list(text(), 'a list of task names').default([]),
    max_images: integer(1, 64).default(1),
    max_rows: integer(1).nullable().default(null),
    max_quarantined_fraction: share().default(0.02),
  }),
  warmup: map({
    fraction: fraction().default(0.08),
    balance: oneOf('per_task', 'none').default('per_task'),
    epochs: integer(1, 1000).default(1),
    batch_size: integer(1).default(128),
    learning_rate: positive().default(2e-4),
    schedule: oneOf('cosine', 'constant').default('cosine'),
    warmup_fraction: share().default(0.03),
    lora_rank: integer(1).default(128),
    lora_alpha: positive().default(256),
    lora_target: list(oneOf(...targets), 'a list of linear layers')
      .min(1, says('at least one linear layer'))
      .default(['q_proj', 'k_proj', 'v_proj', 'o_proj']),
  }),
  gradients: map({
    cutoff_len: integer(1).default(2048),
    sketch: sketch().default(8192),
    projection: oneOf('sparse', 'rademacher', 'none').default('sparse'),
    projection_seed: integer(0).default(0),
    storage: oneOf('float32', 'int8').default('float32'),
    token_budget: integer(1).default(8192),
    shard_rows: integer(1).default(4096),
  }),
  values: map({
    task_value: oneOf('gradient_norm', 'self_influence', 'gradient_norm_sum').default('gradient_norm'),
    instance_value: oneOf('mean_of_cosines', 'cosine_to_mean').default('mean_of_cosines'),
    self_term: flag().default(true),
  }),
  allocation: map({
    budget_fraction: fraction().nullable().default(0.15),
    budget_rows: integer(1).nullable().default(null),
    budget_base: oneOf('eligible', 'all').default('eligible'),
    weighting: oneOf('value', 'equal', 'size').default('value'),
    overflow: oneOf('redistribute', 'repeat').default('redistribute'),
    rounding: oneOf('largest_remainder', 'truncate').default('largest_remainder'),
    approval: oneOf('none', 'required').default('none'),
  }),
  selection: map({
    method: oneOf(...METHODS).default('tive'),
    lambda: z.number(says('a number of at least 0')).min(0, says('a number of at least 0')).default(3),
    replacement: flag().default(false),
  }),
  finetune: map({
    enabled: flag().default(true),
    epochs: integer(1, 1000).default(1),
    batch_size: integer(1).default(128),
    learning_rate: positive().default(2e-4),
  }),
  evaluation: map({
    path: text('a file or null').nullable().default(null),
    image_folder: text('a folder or null').nullable().default(null),
    max_rows: integer(1).default(2000),
    compare: list(oneOf(...METHODS), 'a list of methods').default(['random', 'task_balanced']),
  }),
  report: map({
    thumbnails: flag().default(true),
    examples_per_task: integer(0, 100).default(12),
    send_to: list(sentTo(), 'a list of tensorboard, mlflow and http addresses').default([]),
  }),
  reselect: map({ max_new_fraction: share().default(0.25) }),
});

/** Holds the schema to the contract: a key or type that only one of the two has is a compile error here. */
type Same<Left, Right> = [Left, Right] extends [Right, Left] ? true : never;
type Parsed = z.infer<typeof recipeSchema>;
type WithPathList = Omit<Parsed, 'dataset'> & { dataset: Omit<Parsed['dataset'], 'path'> & { path: string[] } };
export const schemaMatchesConfig: Same<WithPathList, Recipe> = true;
