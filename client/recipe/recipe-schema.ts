// The schema of a whole recipe, held to the type of the config.
import { z } from 'zod';
import type { Config, SelectionMethod } from '../../contracts/config.ts';
import { benchmark } from './sections/benchmark.ts';
import { dataset } from './sections/dataset.ts';
import { model } from './sections/model.ts';
import { report, reselect, run, store } from './sections/run.ts';
import { allocation, selection } from './sections/selection.ts';
import { evaluation, finetune, warmup } from './sections/training.ts';
import { gradients, values } from './sections/values.ts';
import { says } from './kinds.ts';

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
    ? { [Key in keyof Value as SnakeCase<Key & string>]: SnakeKeys<Value[Key]> }
    : Value;

/** A recipe after defaults: the config but for what the file's place decides. */
export type Recipe = SnakeKeys<Config>;

/**
 * Every key of a recipe with its type, range, default and words; docs/recipe.md is made from it, docs/glossary.md has
 * the formulas.
 */
export const recipeSchema = z
  .strictObject(
    {
      run,
      store,
      model,
      dataset,
      warmup,
      gradients,
      values,
      allocation,
      selection,
      finetune,
      evaluation,
      report,
      reselect,
      benchmark,
    },
    says('a map of keys'),
  )
  .prefault({} as never);

/** Holds the schema to the contract: a key or type that only one of the two has is a compile error here. */
type Same<Left, Right> = [Left, Right] extends [Right, Left] ? true : never;
type Parsed = z.infer<typeof recipeSchema>;
type Dataset = Parsed['dataset'];
type Selection = Parsed['selection'];
type Evaluation = Parsed['evaluation'];
/** Keys of `selection` that a run of an older version does not carry. */
type LaterKey =
  | ('queries' | 'query_checkpoints' | 'query_path' | 'query_rows' | 'query_rank' | 'cluster_count')
  | 'ess_target'
  | 'rounds'
  | 'filters'
  | 'near_duplicate_cosine'
  | 'near_duplicate_weight'
  | 'loss_guard'
  | 'loss_cut';
type LaterDatasetKey = 'columns' | 'exclude_rows';
type Allocation = Parsed['allocation'];
type Warmup = Parsed['warmup'];
type Gradients = Parsed['gradients'];
/** The same of `evaluation`. */
type LaterEvaluationKey = 'generate' | 'answer_tokens' | 'scorers';
type Benchmark = Parsed['benchmark'];
type ChangedSection = 'dataset' | 'allocation' | 'selection' | 'warmup' | 'gradients' | 'evaluation' | 'benchmark';
type WithPathList = Omit<Parsed, ChangedSection> & {
  gradients: Omit<Gradients, 'preconditioner'> & Partial<Pick<Gradients, 'preconditioner'>>;
  warmup: Omit<Warmup, 'trajectory'> & Partial<Pick<Warmup, 'trajectory'>>;
  // A run that an older version has started does not carry the later keys.
  dataset: Omit<Dataset, 'path' | LaterDatasetKey> & { path: string[] } & Partial<Pick<Dataset, LaterDatasetKey>>;
  allocation: Omit<Allocation, 'augment'> & Partial<Pick<Allocation, 'augment'>>;
  // `auto` is one of the methods by then.
  selection: Omit<Selection, LaterKey | 'method'> & Partial<Pick<Selection, LaterKey>> & { method: SelectionMethod };
  evaluation: Omit<Evaluation, LaterEvaluationKey> & Partial<Pick<Evaluation, LaterEvaluationKey>>;
  benchmark: Omit<Benchmark, 'lds'> & Partial<Pick<Benchmark, 'lds'>>;
};
export const schemaMatchesConfig: Same<WithPathList, Recipe> = true;
