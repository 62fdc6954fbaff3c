// Keys of rows to which trainers give a meaning that they have not here: they are counted and said.
import { isJsonObject } from '../../contracts/json-object.ts';
import type { JsonObject } from '../../contracts/json-object.ts';
import type { Form } from './form.ts';
import { OBJECTS_KEY } from './objects.ts';
import { asList } from './turn-list.ts';

/** A key, what it means to a trainer, and what becomes of it here. */
interface KeyMeaning {
  /** As messages name it; what stands in a turn begins with `turn.`. */
  names: readonly string[];
  elsewhere: string;
  /** What becomes of it, where it is not simply ignored. */
  here?: string;
  /** Whether a value has this meaning; absent: any that says something. */
  fits?: (value: unknown) => boolean;
}

const IGNORED = 'ignored here';

/** A weight that neither leaves its answer out nor changes nothing. */
const isPartOfOne = (value: unknown): boolean => typeof value === 'number' && value !== 0 && value !== 1;

const MEANINGS: readonly KeyMeaning[] = [
  { names: ['tools', 'functions'], elsewhere: 'functions that the template writes into the prompt' },
  {
    names: ['chosen', 'rejected', 'rejected_response', 'rejected_messages', 'rejected_images', 'margin'],
    elsewhere: 'a preference between answers (DPO, reward models)',
    here: 'ignored here: the dialogue alone is learned',
  },
  {
    names: ['kto_tag', 'label'],
    elsewhere: 'whether the answer is wanted (KTO)',
    here: 'ignored here: unwanted answers are learned too; take those rows out',
    fits: (value) => typeof value === 'boolean',
  },
  { names: ['channel'], elsewhere: 'the group whose loss is shown apart (ms-swift)' },
  { names: ['weight', 'sample_weight', 'loss_weight'], elsewhere: 'how much the row counts in the loss' },
  { names: ['loss', 'loss_scale', 'train'], elsewhere: 'whether or how much the row counts in the loss' },
  { names: ['mask'], elsewhere: 'the role that is not learned (NeMo)', here: 'ignored here: answers are learned' },
  { names: ['split'], elsewhere: 'the part of the data, train or test, that the row belongs to' },
  { names: ['system', 'history'], elsewhere: 'a text before the dialogue (LLaMA-Factory, ms-swift, axolotl)' },
  { names: ['documents', 'chat_template_kwargs'], elsewhere: 'what the template is given beside the turns' },
  { names: ['input_ids', 'labels'], elsewhere: 'the row as tokens', here: 'ignored here: the texts are encoded' },
  { names: ['image', 'images'], elsewhere: 'pictures, in another form than the row’s' },
  {
    names: ['video', 'audio'],
    elsewhere: 'a video or a sound',
    here: 'ignored here beside pictures: they alone are looked at',
  },
  {
    names: [OBJECTS_KEY],
    elsewhere: 'names and boxes for <ref-object> and <bbox> (ms-swift)',
    here: 'filled as for LLaVA; a model with box tokens of its own wants them in the texts',
  },
  { names: ['turn.tool_calls', 'turn.function_call'], elsewhere: 'a call that the answer makes' },
  {
    names: ['turn.reasoning_content', 'turn.thinking'],
    elsewhere: 'thoughts that the template writes before the answer',
  },
  {
    names: ['turn.weight', 'turn.loss_scale', 'turn.loss'],
    elsewhere: 'how much the answer counts in the loss',
    here: 'ignored here: it counts as 1',
    fits: isPartOfOne,
  },
];

const BY_NAME = new Map(MEANINGS.flatMap((meaning) => meaning.names.map((name) => [name, meaning] as const)));

/** Keys of a row, and of its turns with `turn.` before them, that mean something elsewhere and are not read here. */
export function unreadKeys(fields: JsonObject, { keys, images }: Form, taskField: string): string[] {
  // Without pictures, videos and sounds are read.
  const clips = hasContent(fields['image']) || hasContent(fields[images]) ? [] : ['video', 'audio'];
  const own = Object.entries(fields).flatMap(([key, value]) =>
    key !== taskField && !clips.includes(key) && !keys.includes(key) && hasMeaning(key, value) ? [key] : [],
  );
  const inTurns = new Set<string>();
  for (const turn of keys.filter((key) => key !== images).flatMap((key) => asList(fields[key]))) {
    if (!isJsonObject(turn)) continue;
    for (const [key, value] of Object.entries(turn)) if (hasMeaning(`turn.${key}`, value)) inTurns.add(`turn.${key}`);
  }
  return [...own, ...inTurns];
}

function hasMeaning(name: string, value: unknown): boolean {
  const meaning = BY_NAME.get(name);
  return meaning !== undefined && (meaning.fits?.(value) ?? hasContent(value));
}

/** Whether a value says anything. */
export function hasContent(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}

/** What such a key means to a trainer and what becomes of it here, in words. */
export function meaningOf(name: string): string {
  const { elsewhere, here = IGNORED } = BY_NAME.get(name)!;
  return `elsewhere ${elsewhere}; ${here}`;
}
