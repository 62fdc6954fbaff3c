// The demo's tokenizer: trained on its own rows.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { trainBytePairs } from './byte-pairs.ts';
import { DEMO_TASKS, TRAIN_COUNTS, demoRow } from './demo-tasks.ts';
import type { DemoRow } from './demo-row.ts';
import { PHASES, pretrainingRows } from './pretraining-tasks.ts';
import { blankSources } from './sources.ts';

/** Special tokens; the index is the id. */
export const SPECIAL_TOKENS = ['<unk>', '<s>', '</s>', '<pad>', '<image>'] as const;

/** Rows of each pretraining phase that the tokenizer is trained on. */
const ROWS_PER_PHASE = 5000;

/** `USER: <image>\n{question} ASSISTANT: {answer}</s>`, without system text and without `<s>`. */
const CHAT_TEMPLATE =
  "{% for m in messages %}{% if m['role']=='user' %}{{ 'USER: ' + m['content'] + ' ' }}" +
  "{% else %}{{ 'ASSISTANT: ' }}{% generation %}{{ m['content'] + '</s>' }}{% endgeneration %}{% endif %}" +
  "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}";

/** The three files of a tokenizer in Hugging Face layout. */
export interface TokenizerFiles {
  /** `tokenizer.json`. */
  tokenizer: Record<string, unknown>;
  /** `tokenizer_config.json`. */
  config: Record<string, unknown>;
  /** `chat_template.jinja`. */
  chatTemplate: string;
  vocabularySize: number;
}

/**
 * The demo's tokenizer: byte-level BPE in which every word of the pretraining and demo data is one token, after digits
 * were split one by one and words were parted from punctuation (`t-shirt` is three pieces). The source pictures have
 * no part in it. About two seconds.
 */
export function trainTokenizer(): TokenizerFiles {
  const { vocabulary, merges } = trainBytePairs(corpus(), SPECIAL_TOKENS);
  return {
    tokenizer: tokenizerJson(vocabulary, merges),
    config: {
      backend: 'tokenizers',
      bos_token: '<s>',
      eos_token: '</s>',
      extra_special_tokens: ['<image>'],
      model_max_length: 1e30,
      pad_token: '<pad>',
      tokenizer_class: 'TokenizersBackend',
      unk_token: '<unk>',
    },
    chatTemplate: CHAT_TEMPLATE,
    vocabularySize: Object.keys(vocabulary).length,
  };
}

export function writeTokenizer(folder: string, { tokenizer, config, chatTemplate }: TokenizerFiles): void {
  writeFileSync(join(folder, 'tokenizer.json'), `${JSON.stringify(tokenizer, null, 2)}\n`);
  writeFileSync(join(folder, 'tokenizer_config.json'), `${JSON.stringify(config, null, 2)}\n`);
  writeFileSync(join(folder, 'chat_template.jinja'), chatTemplate);
}

/** A row as the model reads it; `<image>` stands where the picture goes. */
export function promptText({ turns, image }: Pick<DemoRow, 'turns' | 'image'>): string {
  return turns
    .map(([question, answer], index) => {
      const marker = image !== null && index === 0 ? '<image>\n' : '';
      return `USER: ${marker}${question} ASSISTANT: ${answer}</s>`;
    })
    .join('');
}

/** Texts of all training rows and of many pretraining rows, cut at the special tokens. */
function* corpus(): Generator<string> {
  const sources = blankSources();
  for (const row of rows()) yield* textsOf(row);

  function* rows(): Generator<DemoRow> {
    for (const task of DEMO_TASKS) {
      for (let number = 0; number < TRAIN_COUNTS[task]; number += 1) yield demoRow(task, number, sources.train);
    }
    for (const phase of PHASES) yield* pretrainingRows(phase, ROWS_PER_PHASE, 0, sources);
  }
}

/** With and without a line break before the question, so that its first word is one token in both places. */
function textsOf({ turns }: DemoRow): string[] {
  return turns.flatMap(([question, answer]) => ['USER: ', `USER: ${question} ASSISTANT: ${answer}`, `\n${question}`]);
}

function tokenizerJson(vocabulary: Record<string, number>, merges: [string, string][]): Record<string, unknown> {
  const byteLevel = { type: 'ByteLevel', trim_offsets: true, use_regex: true };
  const part = (id: 'A' | 'B', typeId: number) => ({ Sequence: { id, type_id: typeId } });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Digits', individual_digits: true },
        { ...byteLevel, add_prefix_space: false },
      ],
    },
    // adds nothing, not even <s>
    post_processor: {
      type: 'TemplateProcessing',
      single: [part('A', 0)],
      pair: [part('A', 0), part('B', 1)],
      special_tokens: {},
    },
    decoder: { ...byteLevel, add_prefix_space: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: vocabulary,
      merges,
    },
  };
}
