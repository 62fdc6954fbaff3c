import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import type { Turn } from '../../../dataset/forms/conversation.ts';
import { createPromptEncoder } from '../../../dataset/prompts/prompt.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';
import { readTokenizer } from '../../../dataset/prompts/tokenizer.ts';
import { MODEL, OPTIONS, dialogue, encode } from './encode.ts';

/** Templates as published folders have them; the last two with other tokens. */
const PUBLISHED = {
  llava:
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}" +
    "{# Render all images first #}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}" +
    "{% if message['role'] != 'assistant' %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}{% endfor %}" +
    "{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}" +
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}",
  interleave:
    "{% for message in messages %}{{'[' + message['role'] + ' '}}" +
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>' }}{% endfor %}" +
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ '\n' + content['text'] }}{% endfor %}{{'</s>'}}" +
    "{% endfor %}{% if add_generation_prompt %}{{ '[assistant\n' }}{% endif %}",
  tools:
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ 'User: ' + message['content'] }}{% endif %}" +
    "{% if message['role'] == 'assistant' and message['content'] is none %}{{ message['tool_calls'][0]['type'] }}{% endif %}" +
    "{% if message['role'] == 'assistant' and message['content'] is not none %}{% set content = message['content'] %}" +
    "{% if '</think>' in content %}{% set content = content.split('</think>')[-1] %}{% endif %}{{ ' Bot: ' + content + eos_token }}{% endif %}" +
    "{% endfor %}{% if add_generation_prompt %}{{ ' Bot:' }}{% endif %}",
};

describe('model folders', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prompt-'));
    for (const name of ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'])
      await cp(join(MODEL, name), join(folder, name));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const changeTemplate = async (from: string, to: string): Promise<void> => {
    const template = await readFile(join(folder, 'chat_template.jinja'), 'utf8');
    expect(template).toContain(from);
    await writeFile(join(folder, 'chat_template.jinja'), template.replace(from, to));
  };

  test('whose question ends inside of a token reject the row', async () => {
    await changeTemplate("{{ 'ASSISTANT:' }}", "{{ 'ASSISTANT: ' }}");
    const encoder = await createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'auto' });
    // 'The' merges with the space before it, 'A' does not.
    expect(encoder.encode(dialogue('What?', 'A cat.'), 0)).toHaveProperty('supervisedTokenCount', 5);
    expect(encoder.encode(dialogue('What?', 'The cat.'), 0)).toEqual({
      reason: 'tokenization_mismatch',
      detail: expect.stringMatching(
        /^prefix ids must equal the row's ids, got a difference at token \d+; check template and tokenizer$/,
      ) as string,
    });
  });

  const json = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8')) as object;
  const writeTemplate = (template: string) => writeFile(join(folder, 'chat_template.jinja'), template);

  /** Ids of a dialogue as text, and its answers. */
  const rendered = async (turns: Turn[], images = 0): Promise<[whole: string, ...answers: string[]]> => {
    const found = await encode(turns, images, { modelFolder: folder, template: 'auto' });
    const tokenizer = new Tokenizer(await json('tokenizer.json'), await json('tokenizer_config.json'));
    const text = (ids: Iterable<number>): string =>
      tokenizer.decode([...ids], { clean_up_tokenization_spaces: false }).replace(/(<image>)+/g, '<image>');
    const answers: number[][] = [];
    found.labels.forEach((label, place) => {
      if (label === -100) return;
      if ((found.labels[place - 1] ?? -100) === -100) answers.push([]);
      answers.at(-1)!.push(label);
    });
    return [text(found.ids), ...answers.map(text)];
  };

  test('whose template takes parts by selectattr, as LLaVA-1.5’s, are rendered, and their missing end is told', async () => {
    await writeTemplate(PUBLISHED.llava);
    expect(await rendered(dialogue('<image>\nWhat animal?', 'A cat.', 'Sure?', 'Yes.'), 1)).toEqual([
      '<s>USER: <image>\n\nWhat animal? ASSISTANT: A cat. USER: Sure? ASSISTANT: Yes. ',
      ' A cat. ',
      ' Yes. ',
    ]);
    const encoder = await createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'auto' });
    expect(encoder.notes()).toEqual([
      expect.stringMatching(/^chat_template: answers must end with a special token, got " tive answers"; /),
    ]);
    expect((await createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'vicuna_v1' })).notes()).toEqual([]);
  });

  test('whose template writes before answers what its generation prompt does not, as LLaVA-Interleave’s, are rendered', async () => {
    await writeTemplate(PUBLISHED.interleave);
    expect(await rendered(dialogue('<image>What?', 'A cat.'), 1)).toEqual([
      '<s>[user <image>\nWhat?</s>[assistant \nA cat.</s>',
      'A cat.</s>',
    ]);
  });

  test('whose template takes texts and speaks of types of something else are rendered as texts', async () => {
    await writeTemplate(PUBLISHED.tools);
    expect(await rendered(dialogue('Hi there', 'Hello.'))).toEqual([
      '<s>User: Hi there Bot: Hello.</s>',
      ' Hello.</s>',
    ]);
  });

  test('whose template names special tokens get them', async () => {
    const config = { ...(await json('tokenizer_config.json')), pad_token: { content: '<pad>' } };
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
    await writeTemplate("{% for m in messages %}{{ m['content'] + pad_token }}{% endfor %}");
    expect(await rendered(dialogue('Q', 'A'))).toEqual(['<s>Q<pad>A<pad>', 'A<pad>']);
  });

  test.each([
    ['processor_config.json', (template: string) => template],
    ['chat_template.json', (template: string) => template],
    ['tokenizer_config.json', (template: string) => template],
    [
      'tokenizer_config.json',
      (template: string) => [
        { name: 'tools', template: '' },
        { name: 'default', template },
      ],
    ],
  ])('whose template is in %s take it from there', async (name, entry) => {
    await rm(join(folder, 'chat_template.jinja'));
    const known = await json(name).catch(() => ({}));
    await writeFile(join(folder, name), JSON.stringify({ ...known, chat_template: entry(PUBLISHED.tools) }));
    expect((await rendered(dialogue('Q', 'A')))[0]).toBe('<s>User: Q Bot: A</s>');
  });

  test.each([
    ['is no Jinja', '{% for m in messages %}{{ m.content', /^chat_template: must be a Jinja template, got .*; set/],
    [
      'writes no dialogue',
      "{{ raise_exception('only tools') }}",
      /^chat_template: must write a question and its answer, got only tools; set/,
    ],
    ['writes nothing', 'x', /^chat_template: must write a question and its answer, got a text without them; set/],
  ])('whose template %s are refused', async (_, template, message) => {
    await writeTemplate(template);
    const created = createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'auto' });
    await expect(created).rejects.toThrow(InvalidConfigError);
    await expect(created).rejects.toThrow(message);
  });

  test.each([
    ['tokenizer.json', '{bad', /^tokenizer\.json: must be valid JSON, got .*; fetch the file/],
    ['tokenizer_config.json', '[1]', /^tokenizer_config\.json: must hold an object, got \[1\]; fetch the file/],
  ])('whose %s is broken are refused by its name', async (name, text, message) => {
    await writeFile(join(folder, name), text);
    await expect(createPromptEncoder({ ...OPTIONS, modelFolder: folder })).rejects.toThrow(message);
  });

  test('whose tokens are declared in tokenizer_config.json alone have them, but none that are whole words alone', async () => {
    const declared = { 419: { content: '<|end|>', special: true } };
    const config = { ...(await json('tokenizer_config.json')), added_tokens_decoder: declared };
    await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config));
    const { encode: encodeText, reservedTexts } = await readTokenizer(folder);
    expect(encodeText('a<|end|>').ids.at(-1)).toBe(419);
    expect(reservedTexts).toContain('<|end|>');
    const tokenizer = (await json('tokenizer.json')) as { added_tokens: object[] };
    tokenizer.added_tokens[0] = { ...tokenizer.added_tokens[0], single_word: true };
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer));
    await expect(readTokenizer(folder)).rejects.toThrow(
      'tokenizer.json: added tokens must stand anywhere in a text, got "<unk>" with single_word; set it to false',
    );
  });

  const CHATML =
    "{% for m in messages %}{{ '<s>' + m['role'] + '\n' + m['content'] + '</s>\n' }}{% endfor %}" +
    "{% if add_generation_prompt %}{{ '<s>assistant\n' }}{% endif %}";

  test('whose template writes behind the end token, as ChatML’s, supervise the answers and their end tokens alone', async () => {
    await writeTemplate(CHATML);
    expect(await rendered(dialogue('Q', 'A', 'R', 'B'))).toEqual([
      '<s>user\nQ</s>\n<s>assistant\nA</s>\n<s>user\nR</s>\n<s>assistant\nB</s>\n',
      'A</s>',
      'B</s>',
    ]);
  });

  test('whose template ends answers by no special token supervise all that it writes of them', async () => {
    await writeTemplate("{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '.\n' }}{% endfor %}");
    expect((await rendered(dialogue('Q', 'A', 'R', 'B'))).slice(1)).toEqual(['assistant: A.\n', 'assistant: B.\n']);
  });

  /** As Qwen3's: answers before the last question lose what was thought. */
  const THINKING =
    "{% for m in messages %}{{ '<s>' + m['role'] + '\n' }}{% if m['role'] == 'assistant' and loop.last %}{{ 'hm ' }}{% endif %}" +
    "{{ m['content'] + '</s>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<s>assistant\n' }}{% endif %}";

  test('whose template changes earlier turns with later ones supervise the last answer of such rows, and count them', async () => {
    await writeTemplate(THINKING);
    const encoder = await createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'auto' });
    expect(isRejection(encoder.encode(dialogue('Q', 'A'), 0))).toBe(false);
    expect(encoder.notes()).toEqual([]);
    expect(isRejection(encoder.encode(dialogue('Q', 'A', 'R', 'B'), 0))).toBe(false);
    expect(encoder.notes()).toEqual([
      'chat_template: earlier turns must stay as they are when others follow, got other texts in 1 rows; of these the last answer alone is learned',
    ]);
    expect(await rendered(dialogue('Q', 'A'))).toEqual(['<s>user\nQ</s>\n<s>assistant\nhm A</s>\n', 'hm A</s>']);
    expect(await rendered(dialogue('Q', 'A', 'R', 'B'))).toEqual([
      '<s>user\nQ</s>\n<s>assistant\nA</s>\n<s>user\nR</s>\n<s>assistant\nhm B</s>\n',
      'hm B</s>',
    ]);
  });

  test('whose template writes another text up to the last answer without it set the row aside', async () => {
    await writeTemplate(
      "{{ messages | length }}{% for m in messages %}{{ m['content'] + messages[-1]['content'] }}{% endfor %}",
    );
    const encoder = await createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'auto' });
    expect(encoder.encode(dialogue('What?', 'A cat.'), 0)).toEqual({
      reason: 'tokenization_mismatch',
      detail:
        'chat_template must write a dialogue up to its last answer as it writes it with that answer, got other texts',
    });
  });

  test('whose template builds a list beyond all dialogues are refused', async () => {
    await writeTemplate(
      "{% for i in range(1000000000) %}{% endfor %}{% for m in messages %}{{ m['content'] }}{% endfor %}",
    );
    await expect(createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'auto' })).rejects.toThrow(
      'chat_template: must write a question and its answer, got range() of at most 100000 numbers, got 1000000000; set template: vicuna_v1',
    );
    await writeTemplate(
      "{% for i in range(2, 6, 2) %}{{ i }}{% endfor %}{% for m in messages %}{{ m['content'] }}{% endfor %}",
    );
    expect((await rendered(dialogue('Q', 'A')))[0]).toBe('<s>24QA');
  });

  const ENDLESS =
    /^model\.path: chat_template and tokenizer\.json must write a row's tokens, got none: it must end within 0\.2 s/;

  test('whose template never ends are refused, at once or at the first row that it hangs on', async () => {
    const loop = '{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}';
    const writes = "{% for m in messages %}{{ m['content'] }}{% endfor %}";
    const options = { ...OPTIONS, modelFolder: folder, template: 'auto', limitMs: 200 } as const;
    await writeTemplate(loop + writes);
    await expect(createPromptEncoder(options)).rejects.toThrow(ENDLESS);
    await writeTemplate(`{% if messages | length > 2 %}${loop}{% endif %}${writes}`);
    const encoder = await createPromptEncoder(options);
    expect(isRejection(encoder.encode(dialogue('Q', 'A'), 0))).toBe(false);
    expect(() => encoder.encode(dialogue('Q', 'A', 'R', 'B'), 0)).toThrow(ENDLESS);
  });

  test('whose tokenizer’s pattern never ends are refused at the row that it hangs on', async () => {
    const tokenizer = await json('tokenizer.json');
    const split = { type: 'Split', pattern: { Regex: '([a-zA-Z ]|[a-z ])*#' }, behavior: 'Isolated', invert: false };
    await writeFile(join(folder, 'tokenizer.json'), JSON.stringify({ ...tokenizer, pre_tokenizer: split }));
    const encoder = await createPromptEncoder({ ...OPTIONS, modelFolder: folder, limitMs: 200 });
    expect(() => encoder.encode(dialogue('Q', 'a'.repeat(60)), 0)).toThrow(ENDLESS);
  });

  test('without a chat template are refused for chat_template, and read as vicuna_v1 for auto', async () => {
    await rm(join(folder, 'chat_template.jinja'));
    await expect(createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'chat_template' })).rejects.toThrow(
      'model.template: chat_template must exist in the model folder, got none; set template: vicuna_v1',
    );
    const turns = dialogue('What?', 'A cat.');
    expect(await encode(turns, 0, { modelFolder: folder, template: 'auto' })).toEqual(await encode(turns, 0));
  });

  test('whose tokenizer has ids above the vocabulary are refused', async () => {
    const created = createPromptEncoder({ ...OPTIONS, vocabularySize: 419 });
    await expect(created).rejects.toThrow(InvalidConfigError);
    await expect(created).rejects.toThrow(
      "tokenizer: ids must be below vocab_size 419, got 419; take the converted folder's tokenizer",
    );
  });

  test('without a tokenizer are refused', async () => {
    await rm(join(folder, 'tokenizer_config.json'));
    await expect(createPromptEncoder({ ...OPTIONS, modelFolder: folder })).rejects.toThrow(
      `model.path: must hold tokenizer.json and tokenizer_config.json, got less in ${folder}`,
    );
  });
});
