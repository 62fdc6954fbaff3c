import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InvalidConfigError } from '../../../contracts/failures.ts';
import type { Turn } from '../../../dataset/forms/conversation.ts';
import { createPromptEncoder } from '../../../dataset/prompts/prompt.ts';
import type { EncodedPrompt, PromptOptions } from '../../../dataset/prompts/prompt.ts';
import { vicunaWriter } from '../../../dataset/prompts/prompt-text.ts';
import { isRejection } from '../../../dataset/rows/row-outcome.ts';
import { readTokenizer } from '../../../dataset/prompts/tokenizer.ts';
import { goldenIntegers, goldenRows } from '../../model/golden.ts';
import type { GoldenRow } from '../../model/golden.ts';

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

const MODEL = 'test/golden/tiny-llava/model';
const OPTIONS: PromptOptions = {
  modelFolder: MODEL,
  template: 'vicuna_v1',
  imageTokenCount: 16,
  imageTokenId: 4,
  vocabularySize: 420,
  cutoffLen: 2048,
};

/** As LLaVA reads a row: a turn with a picture begins with the placeholder and a line break. */
function turnsOf({ conversations }: GoldenRow): Turn[] {
  return conversations.map(({ from, value }) => ({
    role: from,
    value: value.includes('<image>') ? `<image>\n${value.replace('<image>', '').trim()}` : value,
  }));
}

const imageCount = (row: GoldenRow): number => (row.image === undefined ? 0 : 1);

async function encode(turns: Turn[], images: number, change: Partial<PromptOptions> = {}): Promise<EncodedPrompt> {
  const encoded = (await createPromptEncoder({ ...OPTIONS, ...change })).encode(turns, images);
  if (isRejection(encoded)) throw new Error(`${encoded.reason}: ${encoded.detail}`);
  return encoded;
}

const dialogue = (...values: string[]): Turn[] =>
  values.map((value, index) => ({ role: index % 2 === 0 ? 'human' : 'gpt', value }));

async function readDecoder(folder: string): Promise<{ decode(ids: Int32Array): string }> {
  const read = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8')) as object;
  const tokenizer = new Tokenizer(await read('tokenizer.json'), await read('tokenizer_config.json'));
  return { decode: (ids) => tokenizer.decode([...ids], { skip_special_tokens: true }) };
}

describe('the golden rows', () => {
  test.each(goldenRows.map((row) => [row.id, row] as const))(
    '%s, joined in pieces, has the ids and labels of transformers',
    async (id, row) => {
      const encoded = await encode(turnsOf(row), imageCount(row), { joining: 'pieces' });
      expect(encoded.ids).toEqual(goldenIntegers(`${id}.input_ids`));
      expect(encoded.labels).toEqual(goldenIntegers(`${id}.labels`));
      expect(encoded.imageTokenCount).toBe(16 * imageCount(row));
      expect(encoded.supervisedTokenCount).toBe(encoded.labels.filter((label) => label !== -100).length);
      expect(encoded.truncated).toBe(false);
    },
  );

  test('have every label where the id is, or none', async () => {
    for (const row of goldenRows) {
      const { ids, labels } = await encode(turnsOf(row), imageCount(row));
      expect(labels.filter((label, token) => label !== -100 && label !== ids[token])).toHaveLength(0);
    }
  });
});

describe('joining', () => {
  test('as a whole and in pieces gives other ids in the one golden row whose answer merges with the space before it', async () => {
    const different: string[] = [];
    for (const row of goldenRows) {
      const [whole, pieces] = [
        await encode(turnsOf(row), imageCount(row)),
        await encode(turnsOf(row), imageCount(row), { joining: 'pieces' }),
      ];
      if (whole.ids.join() !== pieces.ids.join()) different.push(row.id);
    }
    expect(different).toEqual(['ex-011']);
  });

  test('as a whole gives the ids of the joined text and supervises each answer with its space and end token', async () => {
    const turns = dialogue('What is it?', 'A cat.', 'Is it hot?', 'Yes.');
    const tokenizer = await readTokenizer(MODEL);
    const texts = vicunaWriter()(turns).map(({ text }) => text);
    expect(texts.join('')).toBe(
      'A chat between a curious user and an artificial intelligence assistant. ' +
        "The assistant gives helpful, detailed, and polite answers to the user's questions. " +
        'USER: What is it? ASSISTANT: A cat.</s>USER: Is it hot? ASSISTANT: Yes.</s>',
    );
    const { ids, labels } = await encode(turns, 0);
    expect([...ids]).toEqual([1, ...tokenizer.encode(texts.join('')).ids]);
    const answers = [...tokenizer.encode(' A cat.</s>').ids, ...tokenizer.encode(' Yes.</s>').ids];
    expect([...labels].filter((label) => label !== -100)).toEqual(answers);
    expect(answers.filter((id) => id === 2)).toHaveLength(2);
  });
});

describe('templates', () => {
  test('the chat template of the golden folder gives the ids and labels of vicuna_v1', async () => {
    for (const row of goldenRows) {
      const vicuna = await encode(turnsOf(row), imageCount(row));
      expect(await encode(turnsOf(row), imageCount(row), { template: 'chat_template' }), row.id).toEqual(vicuna);
      expect(await encode(turnsOf(row), imageCount(row), { template: 'auto' }), row.id).toEqual(vicuna);
    }
  });
});

describe('a system text', () => {
  const told: Turn[] = [{ role: 'system', value: 'Be brief.' }, ...dialogue('Who?', 'Me', 'Why?', 'So')];

  test('takes the place of the usual one', () => {
    const usual = vicunaWriter()(told.slice(1));
    const pieces = vicunaWriter()(told);
    expect(pieces[0]).toEqual({ text: 'Be brief. USER: Who? ASSISTANT:', supervised: false });
    expect(pieces.slice(1)).toEqual(usual.slice(1));
  });

  test('is a message of the chat template, or sets the row aside where the template refuses it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tive-system-'));
    try {
      await cp(MODEL, folder, { recursive: true });
      const withTemplate = async (template: string) => {
        await writeFile(join(folder, 'chat_template.jinja'), template);
        return createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'chat_template' });
      };
      const plain = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}";
      const { decode } = await readDecoder(folder);
      const encoded = (await withTemplate(plain)).encode(told, 0) as EncodedPrompt;
      expect(decode(encoded.ids)).toContain('system: Be brief.');
      const refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + plain;
      const encoder = await withTemplate(refusing);
      expect(encoder.encode(told, 0)).toEqual({
        reason: 'role_unknown',
        detail: "chat_template must take the row's roles, got: no system",
      });
      expect(isRejection(encoder.encode(told.slice(1), 0))).toBe(false);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('rows that cannot be used get a reason', () => {
  const encodeRow = async (turns: Turn[], images: number, change: Partial<PromptOptions> = {}): Promise<unknown> =>
    (await createPromptEncoder({ ...OPTIONS, ...change })).encode(turns, images);

  test('where placeholders and images differ in number', async () => {
    const detail = (placeholders: number, images: number): string =>
      `<image> count must equal images, got ${placeholders} and ${images}`;
    expect(await encodeRow(dialogue('<image>\nWhat?', 'A cat.'), 0)).toEqual({
      reason: 'image_count_mismatch',
      detail: detail(1, 0),
    });
    expect(await encodeRow(dialogue('<image><image>', '<image>'), 2)).toEqual({
      reason: 'image_count_mismatch',
      detail: detail(3, 2),
    });
  });

  test.each(['</s>', '<s>', '<pad>', '<unk>', ' ASSISTANT: '])('where a turn contains %j', async (text) => {
    expect(await encodeRow(dialogue('What?', `A${text}cat.`), 0)).toEqual({
      reason: 'reserved_text',
      detail: `turn 1: value must not contain ${JSON.stringify(text)}, which separates turns`,
    });
  });

  test('where the longest length ends before the first answer', async () => {
    const { labels } = await encode(dialogue('What?', 'A cat.'), 0);
    const first = labels.findIndex((label) => label !== -100);
    const detail = `an answer token must lie within cutoff_len ${first}, got the first at ${first}; raise cutoff_len`;
    expect(await encodeRow(dialogue('What?', 'A cat.'), 0, { cutoffLen: first })).toEqual({
      reason: 'no_supervised_tokens',
      detail,
    });
    expect(await encode(dialogue('What?', 'A cat.'), 0, { cutoffLen: first + 1 })).toMatchObject({
      supervisedTokenCount: 1,
      truncated: true,
    });
  });

  test('where the longest length cuts a picture', async () => {
    const turns = dialogue('What?', 'A cat.', 'And here?\n<image>', 'A cat.');
    const { ids } = await encode(turns, 1);
    const last = ids.lastIndexOf(4);
    const detail = `pictures must lie within cutoff_len ${last}, got 1 image tokens behind it; raise cutoff_len`;
    expect(await encodeRow(turns, 1, { cutoffLen: last })).toEqual({ reason: 'image_cut_off', detail });
    expect(await encode(turns, 1, { cutoffLen: last + 1 })).toMatchObject({ imageTokenCount: 16, truncated: true });
  });

  test('of no length to spare are kept whole', async () => {
    const whole = await encode(dialogue('What?', 'A cat.'), 0);
    expect(await encode(dialogue('What?', 'A cat.'), 0, { cutoffLen: whole.ids.length })).toEqual(whole);
  });
});

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
    const { notes } = await createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'auto' });
    expect(notes).toEqual([
      expect.stringMatching(/^chat_template: answers must end with a special token, got " tive answers"; /),
    ]);
    expect((await createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'vicuna_v1' })).notes).toEqual([]);
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

  test('whose template writes another text for a longer dialogue are refused', async () => {
    await writeTemplate("{{ messages | length }}{% for m in messages %}{{ m['content'] + ' ' }}{% endfor %}");
    const encoder = await createPromptEncoder({ ...OPTIONS, modelFolder: folder, template: 'auto' });
    const run = (): unknown => encoder.encode(dialogue('What?', 'A cat.', 'Sure?', 'Yes.'), 0);
    expect(run).toThrow(InvalidConfigError);
    expect(run).toThrow(
      "chat_template: a longer dialogue must begin with the shorter one's text, got a difference after turn 2",
    );
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
