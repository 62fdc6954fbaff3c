// The config: what a recipe says, as all parts read it.
import type { FilterSettings, GradientSettings, METHODS, SelectionSettings, Weighting } from './methods.ts';

/**
 * A recipe after presets and defaults were applied; the schema of recipes has the defaults. On disk the keys are
 * snake_case (`budget_fraction`), in memory camelCase. Each stage's address covers only the parts of the config that
 * the stage reads: `stage-reads.ts`.
 */
export interface Config {
  run: RunConfig;
  store: StoreConfig;
  model: ModelConfig;
  dataset: DatasetConfig;
  warmup: WarmupConfig;
  gradients: GradientsConfig;
  values: ValuesConfig;
  allocation: AllocationConfig;
  selection: SelectionConfig;
  finetune: FinetuneConfig;
  evaluation: EvaluationConfig;
  report: ReportConfig;
  reselect: ReselectConfig;
  benchmark: BenchmarkConfig;
}

export interface RunConfig {
  /** `[a-z0-9-]{1,64}`; null = stem of the dataset's file and the recipe's hash. */
  name: string | null;
  /** Seed of every random stream. */
  seed: number;
  /** Folder that receives one folder a run. */
  outputDir: string;
}

export interface StoreConfig {
  /** Folder, absolute in memory. */
  uri: string;
}

/** Backends of TensorFlow.js. */
export type TensorflowEngine = 'tensorflow' | 'wasm' | 'cpu';
export type EngineName = TensorflowEngine | 'torch';
/** Values of `model.dtype`; `auto` = bfloat16 on a GPU of the torch engine, else float32. */
export const DTYPES = ['auto', 'float32', 'bfloat16'] as const;
export type Dtype = (typeof DTYPES)[number];
/** Values of `model.template`; `auto` = chat_template where the folder has one, else vicuna_v1. */
export const TEMPLATES = ['auto', 'vicuna_v1', 'chat_template'] as const;
export type PromptTemplate = Exclude<(typeof TEMPLATES)[number], 'auto'>;
export type ImageAspect = 'pad' | 'crop';

export interface ModelConfig {
  /** Model folder in Hugging Face layout. */
  path: string;
  /** PEFT folder that replaces the warm-up stage, or null. */
  adapter: string | null;
  engine: 'auto' | EngineName;
  /** What weights and products are rounded to. `auto` = bfloat16 on a GPU of the torch engine, else float32. */
  dtype: Dtype;
  /** `auto` = chat_template where the folder has one, else vicuna_v1. */
  template: 'auto' | PromptTemplate;
  /** `auto` = as the model's own image processor, mostly crop. `pad` = LLaVA-1.5's padding to a square. */
  imageAspect: 'auto' | ImageAspect;
}

/** One rule of one's own: a row that is as everything it names says gets the task. */
export interface TaskRule {
  task: string;
  /** How the path of the row's first picture begins; null: the row has none. */
  image?: string | null | undefined;
  /** What a question contains; case does not matter. */
  question?: string | undefined;
}

/** Rules by name, or a list of which the first that fits is taken; null: none. */
export type TaskRules = 'llava-1.5' | 'prefix' | 'single' | 'cluster' | TaskRule[] | null;

/** A key of rows that forms know. */
export type ColumnName =
  | (
      | 'image'
      | 'images'
      | 'video'
      | 'videos'
      | 'audio'
      | 'audios'
      | 'question'
      | 'answer'
      | 'system'
      | 'conversations'
      | 'messages'
    )
  | ('prompt' | 'completion' | 'instruction' | 'input' | 'output' | 'history');

export interface DatasetConfig {
  /** Files in the order that gives the row indexes. */
  path: string[];
  /** Of rows of JSON; `auto` tells it row by row from their keys. */
  format: 'auto' | 'llava' | 'sharegpt' | 'messages' | 'prompt' | 'alpaca' | 'question' | 'parquet' | 'webdataset';
  /** Which keys of the rows hold what a form knows by another name. */
  columns?: Partial<Record<ColumnName, string>> | null;
  /** Folder that image paths are relative to, or one for each path; null = the folder of each file. */
  imageFolder: string | string[] | null;
  /** Row key that holds the task label. */
  taskField: string;
  /** Rules for rows without the field; null = such rows are an error of the dataset. */
  taskRules: TaskRules;
  /** Tasks left out of values and selection. */
  excludeTasks: string[];
  /**
   * File of rows left out of values and selection, an id or a content hash a line; null or not there (in a result of an
   * earlier version): none.
   */
  excludeRows?: string | null;
  maxImages: number;
  /** First rows only (`--limit`), or null. */
  maxRows: number | null;
  /** Above this share of quarantined rows the run stops. */
  maxQuarantinedFraction: number;
}

/** Linear layers of a decoder of Llama's kind; other decoders have others beside them. */
export type LoraTarget = 'q_proj' | 'k_proj' | 'v_proj' | 'o_proj' | 'gate_proj' | 'up_proj' | 'down_proj';

/** How long and how fast an adapter is trained. */
export interface TrainingSchedule {
  epochs: number;
  /** Rows of one optimiser step. */
  batchSize: number;
  /** Peak learning rate of AdamW. */
  learningRate: number;
}

/** A schedule as a recipe has it; null follows from the number of rows: `algorithms/training-schedule.ts`. */
export type ScheduleSettings = { [Key in keyof TrainingSchedule]: TrainingSchedule[Key] | null };

export interface WarmupConfig extends ScheduleSettings {
  /** Share of the usable rows. */
  fraction: number;
  balance: 'per_task' | 'none';
  schedule: 'cosine' | 'constant';
  /** Share of the steps over which the learning rate rises linearly. */
  warmupFraction: number;
  loraRank: number;
  loraAlpha: number;
  /** Names of linear layers of the decoder. */
  loraTarget: string[];
  /**
   * Checkpoints of the training, evenly spaced, the last being its end, at which every row's loss is taken; 0 or not
   * there (in a result of an earlier version): none.
   */
  trajectory?: number;
}

export type ProjectionKind = 'sparse' | 'rademacher' | 'kron' | 'none';

/** How each row's gradient is scaled before its projection: not at all, or by the warm-up's moments of Adam. */
export const PRECONDITIONERS = ['none', 'adam'] as const;
export type Preconditioner = (typeof PRECONDITIONERS)[number];

export interface GradientsConfig {
  /** Longest example in tokens; the rest is cut. */
  cutoffLen: number;
  /** Dimension k of the projected gradient; a power of two. */
  sketch: number;
  projection: ProjectionKind;
  projectionSeed: number;
  storage: 'float32' | 'int8';
  /** Padded tokens of one micro-batch; `auto` takes what there is memory for, and writes it beside the rows. */
  tokenBudget: number | 'auto';
  /** Least rows of one shard; a shard is a run of whole micro-batches. */
  shardRows: number;
  /** Of the stored gradient alone: norms stay those of the plain one. Not there (in an earlier version): none. */
  preconditioner?: Preconditioner;
}

/** Task values that are means of something of each row: its norm, its square, its norm times its answers' tokens. */
export type MeanValueKind = 'gradient_norm' | 'self_influence' | 'gradient_norm_sum';
/** Other centres of the norms of a task: 10 % trimmed mean, 5/95 % winsorised mean, median. */
export type RobustValueKind = 'gradient_norm_trimmed' | 'gradient_norm_winsorised' | 'gradient_norm_median';
export type TaskValueKind = MeanValueKind | RobustValueKind;
export type InstanceValueKind = 'mean_of_cosines' | 'cosine_to_mean';

export interface ValuesConfig {
  taskValue: TaskValueKind;
  instanceValue: InstanceValueKind;
  /** Whether a row's cosine with itself counts. */
  selfTerm: boolean;
}

export interface AllocationConfig {
  /** Share of the base that is selected; exactly one of this and budgetRows is not null. */
  budgetFraction: number | null;
  budgetRows: number | null;
  /** What the fraction is a share of: usable rows of eligible tasks, or all rows. */
  budgetBase: 'eligible' | 'all';
  weighting: Weighting;
  /** The share of a task under `size_tempered` is proportional to its rows^alpha, in [0, 1]. */
  alpha: number;
  overflow: 'redistribute' | 'repeat';
  /**
   * What the second, third, … copy of a row under `repeat` is: the same again, or the row with changed pictures; not
   * there (in a result of an earlier version): none.
   */
  augment?: 'none' | 'pictures';
  rounding: 'largest_remainder' | 'truncate';
  /** `required` holds the run after its quotas are known, until somebody approves. */
  approval: 'none' | 'required';
}

export type SelectionMethod = keyof typeof METHODS;

export interface SelectionConfig extends SelectionSettings, FilterSettings, GradientSettings {
  method: SelectionMethod;
  /**
   * Rounds in which the method chooses, each from the last one's rows by a model that is tuned on them; not there (in a
   * result of an earlier version): 1.
   */
  rounds?: number;
}

export interface FinetuneConfig extends ScheduleSettings {
  enabled: boolean;
}

export interface EvaluationConfig {
  /** Test rows in the dataset's form: a file, several in this order, or null for no evaluation. */
  path: string | string[] | null;
  /** As the dataset's: of each file, one for all, or null for the file's own folder. */
  imageFolder: string | string[] | null;
  maxRows: number;
  /** Methods that are selected, fine-tuned and evaluated beside the selection's own. */
  compare: SelectionMethod[];
  /** Whether short answers are generated and scored too; not there in a run of an earlier version. */
  generate?: boolean;
  /** Tokens up to which a task's answers are short: of so many at most are 95 % of its test answers. */
  answerTokens?: number;
  /** Executables that score generated answers in place of exact match, by task; null: none. */
  scorers?: Readonly<Record<string, string>> | null;
}

export interface ReportConfig {
  /** False leaves pictures and dialogues out of the report. */
  thumbnails: boolean;
  examplesPerTask: number;
  /** Where the result is sent when a command has followed the run to its end: `tensorboard`, `mlflow` or an address. */
  sendTo: string[];
}

export interface ReselectConfig {
  /** Up to this share of new rows an incremental run keeps its reference model. */
  maxNewFraction: number;
}

/** What the length of a training is held equal in, over budgets: passes over the chosen rows, or optimiser steps. */
export type TrainingLength = 'epochs' | 'steps';

/** Which runs a benchmark makes of the recipe. */
export interface BenchmarkConfig {
  /** Null = the selection's own and those that it is compared with. */
  methods: SelectionMethod[] | null;
  /** Shares of the base; null = the allocation's budget. */
  budgets: number[] | null;
  /** Number of seeds: `run.seed` and those after it. */
  seeds: number;
  /** Whether every seed tunes a reference model of its own, or all share that of `run.seed`. */
  reference: 'per_seed' | 'shared';
  /** Tables of results: equal epochs, equal steps. */
  lengths: TrainingLength[];
  /** Whether a model is tuned on all rows too, which relative performance is a share of. */
  full: boolean;
  /**
   * Models that are tuned on random halves of the rows too, for the linear datamodelling score; 0 or not there (in a
   * benchmark of an earlier version): none.
   */
  lds?: number;
}
