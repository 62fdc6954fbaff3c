// Conditions under which selectors are tried: what is done to a dataset, and how its rows say what was done to them.

/** What is known of a condition. */
interface ConditionTraits {
  /** One line for help and documents. */
  summary: string;
  /** What its strength means. */
  strength: string;
  /** Strength where none is given. */
  fallback: number;
  /** Least and largest strength. */
  range: readonly [least: number, most: number];
}

/** All conditions, in the order in which they are listed. */
export const STRESS_CONDITIONS = {
  exact_copies: {
    summary: 'in the two largest tasks rows give way to copies of the others',
    strength: 'share of the rows that are copies',
    fallback: 0.7,
    range: [0, 0.99],
  },
  near_copies: {
    summary: 'the same with copies that differ a little: brightness, noise, a blank',
    strength: 'share of the rows that are copies',
    fallback: 0.7,
    range: [0, 0.99],
  },
  label_noise: {
    summary: 'in half of the tasks rows get the answers of another row',
    strength: 'share of the rows with another’s answers',
    fallback: 0.4,
    range: [0, 1],
  },
  size_skew: {
    summary: 'tasks keep fewer and fewer rows, the largest all',
    strength: 'rows of the largest task over those of the smallest',
    fallback: 16,
    range: [1, 1e6],
  },
  tiny_task: {
    summary: 'the task of middle size keeps a few rows',
    strength: 'rows that it keeps',
    fallback: 60,
    range: [1, 1e6],
  },
  irrelevant_task: {
    summary: 'one more task, whose answers have nothing to do with the pictures and which is not evaluated',
    strength: 'its rows over those of a mean task',
    fallback: 1,
    range: [0, 100],
  },
  answer_lengths: {
    summary: 'in a third of the tasks answers repeat the question first, in the test rows too',
    strength: 'share of the tasks',
    fallback: 1 / 3,
    range: [0, 1],
  },
} as const satisfies Record<string, ConditionTraits>;

export type StressCondition = keyof typeof STRESS_CONDITIONS;

export const STRESS_NAMES = Object.keys(STRESS_CONDITIONS) as readonly StressCondition[];

/** What was done to a row. */
export const STRESS_KINDS = ['clean', 'exact_copy', 'near_copy', 'label_noise', 'irrelevant', 'long_answer'] as const;
export type StressKind = (typeof STRESS_KINDS)[number];

const PREFIX = 'tive-stress';

/** The id of a row: it says what was done to it, wherever the row goes. */
export function stressId(kind: StressKind, index: number): string {
  return `${PREFIX}:${kind}:${index}`;
}

/** What was done to a row, by the JSON text of its id; null for a row of no condition. */
export function stressKindOf(id: string | null): StressKind | null {
  const [, kind = null] = id === null ? [] : (/^"tive-stress:([a-z_]+):\d+"$/.exec(id) ?? []);
  return STRESS_KINDS.find((one) => one === kind) ?? null;
}

/** Rows of one kind in the dataset and among the chosen ones. */
export interface StressShare {
  kind: StressKind;
  allCount: number;
  selectedCount: number;
}
