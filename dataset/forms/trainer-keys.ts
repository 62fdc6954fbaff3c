// Keys to which trainers give a meaning that is none here, and placeholders that they fill.
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import type { Rejection } from '../rows/row-outcome.ts';
import type { Turn } from './conversation.ts';
import { asList } from './turn-list.ts';

/** Keys of a row, and what they would mean. */
const ROW_KEYS: Readonly<Record<string, string>> = {
  rejected: 'the worse answer of a pair',
  rejected_response: 'the worse answer of a pair',
  rejected_messages: 'the worse dialogue of a pair',
  chosen: 'the better answer of a pair',
  kto_tag: 'whether the answer is wanted',
  tools: 'functions that the template shows the model',
  functions: 'functions that the template shows the model',
  sample_weight: 'the weight of the row in the loss',
  loss_scale: 'the weight of the row in the loss',
  chat_template_kwargs: 'settings of the chat template',
  objects: 'what <bbox> and <ref-object> stand for',
};

/** Keys of a turn, and what they would mean. */
const TURN_KEYS: Readonly<Record<string, string>> = {
  tool_calls: 'calls of functions that the answer makes',
  reasoning_content: 'thoughts before the answer',
  thinking: 'thoughts before the answer',
  train_detail: 'parts of the answer that are out of the loss',
  training_detail: 'parts of the answer that are out of the loss',
  loss_scale: 'the weight of the answer in the loss',
  weight: 'the weight of the answer in the loss',
};

const MEANINGS = new Map([
  ...Object.entries(ROW_KEYS),
  ...Object.entries(TURN_KEYS).map(([key, meaning]) => [inTurn(key), meaning] as const),
]);

function inTurn(key: string): string {
  return `turns.${key}`;
}

/** Names of a row's keys, and of its turns', that a trainer would heed and that are ignored here. */
export function ignoredKeys(fields: JsonObject, turnsKey: string): string[] {
  const found = Object.keys(ROW_KEYS).filter((key) => hasContent(fields[key]));
  const turns = asList(fields[turnsKey]);
  if (!Array.isArray(turns)) return found;
  const inTurns = Object.keys(TURN_KEYS).filter((key) =>
    turns.some((turn) => isJsonObject(turn) && hasContent(turn[key]) && !isWhole(key, turn[key])),
  );
  return [...found, ...inTurns.map(inTurn)];
}

/** What an ignored key would mean: `tools: functions …`. */
export function meaningOf(key: string): string {
  return MEANINGS.get(key) ?? 'unknown';
}

/** A weight of nothing or one is heeded. */
function isWhole(key: string, value: unknown): boolean {
  return key === 'weight' && (value === 0 || value === 1);
}

function hasContent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}

/** Placeholders that ms-swift fills, and the keys that it fills them from. */
const PLACEHOLDERS: readonly [text: string, keys: readonly string[]][] = [
  ['<bbox>', ['objects']],
  ['<ref-object>', ['objects']],
  ['<video>', ['videos', 'video']],
  ['<audio>', ['audios', 'audio']],
];

/**
 * Where a text has a placeholder that a trainer fills from another key. Differs: ms-swift writes boxes in the scale and
 * the words of its model's template, which are not known here, so that such rows are set aside.
 */
export function unfilledPlaceholder(fields: JsonObject, turns: readonly Turn[]): Rejection | null {
  for (const [text, keys] of PLACEHOLDERS) {
    const key = keys.find((name) => hasContent(fields[name]));
    const turn = key === undefined ? -1 : turns.findIndex(({ value }) => value.includes(text));
    if (key === undefined || turn < 0) continue;
    return {
      reason: 'placeholder_unfilled',
      detail: `turn ${turn}: value must be the text itself, got ${text}, which a trainer fills from "${key}"; write it out`,
    };
  }
  return null;
}
