import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { streamAllQuarantine } from '../../activities/report/quarantine-summary.ts';
import { usableRows } from '../../tables/rows.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { TEXT, aside, warning } from './case.ts';
import type { Case } from './case.ts';
import { gradientArtifact, storeOf } from './gradient-artifact.ts';
import { GOLDEN, GOOD, about, pngOfSize, talk, warns } from './world.ts';

const turn = (from: string, value: unknown) => ({ from, value });

export const ROWS: Case[] = [
  [
    14,
    'a line that is not JSON',
    (world) => (
      world.write('mix.json', `${JSON.stringify(GOOD)}\n{"id":\n${JSON.stringify(GOOD)}\n`),
      world.setsAsideOne()
    ),
    aside('json_syntax', 'row 1 line 2: must be valid JSON, got an unexpected end'),
  ],
  [
    15,
    'no turns',
    (world) => world.setsAside({ id: 17, image: 'cat.png', text: 'x' }),
    aside(
      'conversations_missing',
      'row 1: conversations must be a list of turns, got undefined; keys: id, image, text; say by dataset.columns which key holds what',
    ),
  ],
  [
    16,
    'a role of another format',
    (world) => world.setsAside({ ...TEXT, conversations: [turn('user', 'Q'), turn('assistant', 'A')] }),
    aside('role_unknown', 'row 1 turn 0: from must be human or gpt, got "user"; use format: messages'),
  ],
  [
    17,
    'turns out of order',
    (world) =>
      world.setsAside({
        ...TEXT,
        conversations: [turn('human', 'Q'), turn('gpt', 'A'), turn('gpt', 'A'), turn('gpt', 'A')],
      }),
    aside('role_order', 'row 1 turn 2: role must be human, got gpt'),
  ],
  [
    18,
    'an empty answer',
    (world) => world.setsAside({ ...TEXT, ...talk('Q', '') }),
    aside('answer_empty', 'row 1 turn 1: answer must not be empty, got ""'),
  ],
  [
    19,
    '<image> without a picture',
    (world) => world.setsAside({ ...TEXT, ...talk('<image>\nQ', 'A') }),
    aside('image_key_missing', 'row 1: <image> needs the key image, got none'),
  ],
  [
    20,
    'a picture without <image>',
    (world) => world.setsAside({ ...TEXT, image: 'cat.png', ...talk('Q', 'A') }),
    aside('image_token_missing', 'row 1: an image row must contain <image>, got none; LLaVA would ignore the picture'),
  ],
  [
    21,
    'more <image> than pictures',
    (world) => world.setsAside({ ...TEXT, image: 'cat.png', ...talk('<image><image>Q', 'A') }),
    aside('image_count_mismatch', 'row 1: <image> count must equal images, got 2 and 1'),
  ],
  [
    22,
    'a text for a list of pictures',
    (world) => world.setsAside({ ...TEXT, images: 'test1.jpg', ...talk('<image>Q', 'A') }),
    aside('image_field_type', 'row 1: images must be a list, got "test1.jpg"; write ["test1.jpg"]'),
  ],
  [
    23,
    'a path that leads out',
    (world) => world.setsAside(about('../../x.jpg')),
    aside('image_path_escapes', 'row 1: image must lie below image_folder, got "../../x.jpg"'),
  ],
  [
    24,
    'no picture',
    (world) => world.setsAside(about('ocr_vqa/images/0002005395.jpg')),
    aside('image_missing', 'row 1: image must exist, got ocr_vqa/images/0002005395.jpg'),
  ],
  [
    25,
    'a wrong extension',
    async (world) => {
      world.write('images/cat.gif', readFileSync(join(GOLDEN, 'images/cat.png')));
      world.rows([about('cat.gif')]);
      return warns((await world.scan()).warnings);
    },
    warning('images: extension must match the content, got 1 that differ; decoded by content'),
  ],
  [
    26,
    'a web page as a picture',
    (world) => (world.write('images/page.jpg', '<!DOCTYPE html><p>gone'), world.setsAside(about('page.jpg'))),
    aside('image_type_html', 'row 1: image must be a picture, got an HTML page; the link is probably dead'),
  ],
  [
    27,
    'a JPEG that is cut short',
    async (world) => {
      const jpeg = await sharp(join(GOLDEN, 'images/cat.png')).jpeg().toBuffer();
      world.write('images/cut.jpg', jpeg.subarray(0, jpeg.length / 2));
      return world.setsAside(about('cut.jpg'));
    },
    aside('image_truncated', 'row 1: image must be complete, got a premature end of JPEG data'),
  ],
  [
    28,
    'a decompression bomb',
    (world) => (
      world.write('images/bomb.png', pngOfSize(readFileSync(join(GOLDEN, 'images/cat.png')), 40_000, 30_000)),
      world.setsAside(about('bomb.png'))
    ),
    aside('image_too_large', 'row 1: image must have at most 178,956,970 pixels, got 40,000 × 30,000'),
  ],
  [
    29,
    'a template that joins words',
    (world) => {
      const model = world.model('chat_template.jinja', "{% for m in messages %}{{ m['content'] }}{% endfor %}");
      world.rows([
        { ...TEXT, ...talk('+', '4') },
        { ...TEXT, ...talk('Wh', 'at is shown?') },
        { ...TEXT, ...talk('+', '5') },
      ]);
      return world.setsAsideOne(`model.path=${model}`);
    },
    aside(
      'tokenization_mismatch',
      /^row 1: prefix ids must equal the row's ids, got a difference at token \d+; check template and tokenizer$/,
    ),
  ],
  [
    30,
    'an answer that is cut away',
    (world) => world.setsAside({ ...TEXT, ...talk('many '.repeat(200), 'A') }, 'gradients.cutoff_len=100'),
    aside(
      'no_supervised_tokens',
      /^row 1: an answer token must lie within cutoff_len 100, got the first at \d+; raise cutoff_len$/,
    ),
  ],
  [
    31,
    'a loss that is no number',
    async (world) => {
      world.rows([GOOD, GOOD, GOOD]);
      const dataset = await world.scan();
      const hashes: Uint8Array[] = [];
      for await (const { contentHash } of usableRows(storeOf(world), dataset.rows)) hashes.push(contentHash);
      const gradients = await gradientArtifact(world, 8, [2, NaN, 3], Buffer.concat(hashes));
      const lines: Buffer[] = [];
      const result = { dataset, gradients } as unknown as RunResult;
      for await (const line of streamAllQuarantine(storeOf(world), result)) lines.push(Buffer.from(line));
      const { reason, detail } = JSON.parse(Buffer.concat(lines).toString()) as { reason: string; detail: string };
      return { kind: 'sets aside', reason, message: detail, goodRows: 2 };
    },
    aside('loss_not_finite', 'row 1: loss must be finite, got NaN over 118 supervised tokens'),
  ],
];
