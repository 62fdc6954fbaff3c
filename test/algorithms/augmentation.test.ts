import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allowedChanges, FORBIDDEN, nothing, taskReadsOrGrounds } from '../../algorithms/augmentation.ts';
import type { Judgement } from '../../algorithms/augmentation.ts';
import { createChangeDraws } from '../../algorithms/draw-changes.ts';
import { ENGLISH_WORDS, FOREIGN_WORDS, isEnglish, SHARED_WORDS } from '../../algorithms/english-words.ts';
import { changedCountOf, changeText, PARAMETERS, PICTURE_OPERATIONS } from '../../contracts/augmentation.ts';
import type { PictureOperation } from '../../contracts/augmentation.ts';

const judge = (question: string, answer = 'a cat', changes: object = {}): Judgement =>
  allowedChanges({ questions: [`<image>\n${question}`], answers: [answer], imageCount: 1, clipCount: 0, ...changes });

/** Operations by their first letters, in their order. */
const lettersOf = ({ allowed }: Judgement): string => allowed.map((operation) => operation[0]).join('');

describe('operations that a row’s words allow (border, crop, flip, brightness, resample)', () => {
  test.each<[question: string, answer: string, allowed: string]>([
    // Nothing stands against any.
    ['What animal is this?', 'a cat', 'bcfbr'],
    ['Which sport are they playing?', 'Tennis.', 'bcfbr'],
    // Whole words alone count: handsome, sizeable, counter, daylily, lightning, textual, wordless, signal.
    ['Is the handsome sizeable counter with a daylily there?', 'yes', 'bcfbr'],
    ['Is there lightning or a textual signal here?', 'no', 'bcfbr'],
    // border: edges, corners, frames, sizes.
    ['Is the dog at the EDGE of the road?', 'yes', 'fbr'],
    ['Is there a picture frame?', 'yes', 'fbr'],
    ['Is the cat in a box?', 'yes', 'fbr'],
    ['What size is the dog?', 'medium', 'fbr'],
    ['What is in the corner?', 'a cat', 'fbr'],
    // crop: counts, number answers, positions, whole scenes.
    ['How many dogs are there?', 'three', 'bfbr'],
    ['What is the total here?', 'some dogs', 'bfbr'],
    ['Is there any dog here?', 'Yes, 2 dogs.', 'bbr'],
    ['Is there any dog here?', 'Yes, two of them are there.', 'bfbr'],
    ['Is the dog above the cat?', 'yes', 'bfbr'],
    ['Where is the cat?', 'on the sofa', 'bfbr'],
    ['Is it in the background?', 'yes', 'bfbr'],
    ['What is the overall mood of this?', 'calm', 'bfbr'],
    ['What is in this scene?', 'a dog', 'bfbr'],
    // A number in a question is no count, but no digit is mirrored.
    ['What animal is this, 1 or 2 of the kinds?', 'a cat', 'bcbr'],
    // flip: sides, directions, hands, mirrors, text, digits.
    ['What is to the left of the dog?', 'a cat', 'bbr'],
    ['Is she holding it in her hand?', 'yes', 'bcbr'],
    ['Which direction is it going?', 'away from us', 'bcbr'],
    ['Is the dog facing the cat?', 'yes', 'bcbr'],
    ['Is this the east coast?', 'yes', 'bcbr'],
    ['Is there a mirror?', 'yes', 'bcbr'],
    ['Does it go clockwise?', 'yes', 'bcbr'],
    ['Is this a flag?', 'yes', 'bcbr'],
    ['Is there a clock in the room?', 'yes', 'bb'],
    ['Is there a sign on this road?', 'yes', 'bb'],
    ['Which brand is this?', 'Nike', 'bb'],
    ['What is the name of this shop?', 'Rita', 'bb'],
    ['Name the animal in the picture.', 'a cat', 'bcfbr'],
    ['Is this a map or a chart?', 'a map', 'bb'],
    ['What animal is this? Answer with the letter of it.', 'B', 'bb'],
    // brightness: colours, light, day and night, weather.
    ['What colour is the cat?', 'orange', 'bcfr'],
    ['What color is the cat?', 'orange', 'bcfr'],
    ['Is the room dark?', 'no', 'bcfr'],
    ['Is it night or day here?', 'day', 'bcfr'],
    ['How is the weather?', 'sunny', 'bcfr'],
    ['What animal is this?', 'a black cat', 'bcfr'],
    // resample: fine detail.
    ['Is there a tiny bird?', 'yes', 'bcfb'],
    ['Is the picture blurry?', 'yes', 'bcfb'],
    ['Which texture does it have?', 'wood', 'bcfb'],
    // Several at once.
    ['Describe the scene in detail.', 'A dog sits at the left edge of a dark road.', ''],
  ])('%s %s', (question, answer, allowed) => {
    const judged = judge(question, answer);
    expect(lettersOf(judged)).toBe(allowed);
    expect(judged.reason).toBe(allowed === '' ? 'forbidden_words' : null);
  });

  test('are none without a picture, with clips, and where the text reads or names places', () => {
    expect(judge('What animal is this?', 'a cat', { imageCount: 0 })).toEqual(nothing('no_picture'));
    expect(judge('What animal is this?', 'a cat', { clipCount: 1 })).toEqual(nothing('has_clips'));
    for (const question of [
      'What does the sign say?',
      'What is written on the shirt?',
      'Read the text.',
      'Transcribe the text in the image.',
      'What is this? Reference OCR token: STOP',
      'Provide the bounding box of the dog.',
      'Give the coordinates of the dog.',
      'Provide a short description for this region: [0.1, 0.2, 0.3, 0.4]',
      'What is at (12, 40)?',
      'What is in <box>12 13 14 15</box>?',
      'Where is <|box_start|>the dog?',
    ])
      expect(judge(question), question).toEqual(nothing('reads_or_grounds'));
    expect(judge('Where is the dog?', '[0.32, 0.11, 0.40, 0.5]')).toEqual(nothing('reads_or_grounds'));
  });

  test('are asked of every turn', () => {
    const turns = { questions: ['What animal is this?', 'And what is on its left?'], answers: ['a cat', 'a dog'] };
    expect(lettersOf(allowedChanges({ ...turns, imageCount: 1, clipCount: 0 }))).toBe('bbr');
  });

  test('are forbidden by words in lower case, each of one run of letters', () => {
    for (const { words, answerWords = [] } of Object.values(FORBIDDEN))
      for (const word of [...words, ...answerWords]) expect(word).toMatch(/^[a-z]+$/);
  });
});

describe('a task reads or grounds', () => {
  const [reading, open] = [nothing('reads_or_grounds'), { allowed: ['flip'], reason: null } as Judgement];
  test.each<[string, Judgement[], boolean]>([
    ['ocr_vqa', [open], true],
    ['RefCOCO+', [open], true],
    ['vqav2', [open, open, open, open], false],
    ['vqav2', [reading, open, open, open], true],
    ['vqav2', [reading, open, open, open, open], false],
    ['vqav2', [reading, nothing('no_picture'), nothing('no_picture'), nothing('no_picture'), open], true],
    ['vqav2', [], false],
    ['text', [nothing('no_picture')], false],
  ])('%s of %j: %s', (task, judged, wanted) => {
    expect(taskReadsOrGrounds(task, judged)).toBe(wanted);
  });
});

describe('a text is English', () => {
  test.each<[string, string]>([
    ['What is in the picture?', 'cat'],
    ['Is this a shirt?', 'yes'],
    ['Name the item in the picture.', 'A man riding a wave on top of a surfboard'],
    ['What do you see here?', 'Two men in a café with a dog.'],
    ['Tell me about it.', 'It is the cat and it comes as number 3.'],
  ])('%s %s', (question, answer) => {
    expect(isEnglish([question], [answer])).toBe(true);
  });

  test.each<[language: string, question: string, answer: string]>([
    ['German', 'Was ist auf dem Bild zu sehen?', 'eine Katze'],
    ['German', 'Was zeigt das Foto, und wo ist der Hund?', 'links'],
    ['French', 'Que voit-on sur cette image et dans le fond ?', 'un chat'],
    ['Spanish', '¿Qué hay en la imagen y de qué color es?', 'un gato'],
    ['Italian', 'Che cosa si vede in questa immagine?', 'un gatto'],
    ['Portuguese', 'O que a mulher está fazendo na imagem?', 'nada'],
    ['Dutch', 'Wat is er op deze foto te zien, en is het water?', 'een kat'],
    ['Swedish', 'Vad finns det på bilden under bordet?', 'en katt'],
    ['Danish', 'Hvad er der på billedet?', 'en kat'],
    ['Polish', 'Co jest na obrazie?', 'kot'],
    ['Turkish', 'Resimde ne var?', 'bir kedi'],
    ['Indonesian', 'Apa yang ada di gambar ini?', 'kucing'],
    ['Finnish', 'Mikä on kuvassa?', 'kissa'],
    ['Romanian', 'Ce este în imagine?', 'pisica'],
    ['Vietnamese', 'Trong hình có gì?', 'con mèo'],
    ['Chinese', '图片里有什么？', '猫'],
    ['Russian', 'Что изображено на картинке?', 'кот'],
    ['Arabic', 'ماذا يوجد في الصورة؟', 'قطة'],
    ['a mixture', 'What is in the picture? Answer in German.', 'Der Hund ist auf dem Gras und schläft.'],
    ['an unknown word', 'Cat?', 'cat'],
    ['nothing', '', ''],
  ])('not in %s: %s', (_, question, answer) => {
    expect(isEnglish([question], [answer])).toBe(false);
  });

  test('by lists that have no word in common', () => {
    const all = [...ENGLISH_WORDS, ...SHARED_WORDS, ...FOREIGN_WORDS];
    expect(new Set(all).size).toBe(all.length);
    expect(all.filter((word) => word !== word.toLowerCase())).toEqual([]);
  });
});

const contentOf = (text: string): Uint8Array => createHash('sha256').update(text).digest();
const row = (copyCount: number, allowed: readonly PictureOperation[] = PICTURE_OPERATIONS, occurrence = 0) => ({
  contentHash: contentOf('row-a1'),
  occurrence,
  copyCount,
  allowed,
});

describe('changes of copies', () => {
  test('are the same on every machine', () => {
    expect(createChangeDraws(42)(row(4)).map(changeText)).toEqual([
      'crop 96.95 %',
      'brightness −3.45 %',
      'border 4.81 %',
    ]);
  });

  test('are as the hash says, word by word', () => {
    const uniform = (stream: string): number => {
      const seed = Buffer.alloc(8);
      seed.writeBigUInt64BE(42n);
      const name = Buffer.from(`tive/v1\0${stream}\0`);
      const digest = createHash('sha256')
        .update(Buffer.concat([name, seed, contentOf('row-a1'), Buffer.alloc(4)]))
        .digest();
      return (Number(digest.readBigUInt64BE() >> 12n) + 0.5) / 2 ** 52;
    };
    const [first, second] = createChangeDraws(42)(row(3));
    const left = [...PICTURE_OPERATIONS];
    for (const [copy, found] of [
      [2, first!],
      [3, second!],
    ] as const) {
      const [operation] = left.splice(Math.floor(uniform(`augment/${copy}/operation`) * left.length), 1);
      expect(found.operation).toBe(operation);
      const drawn = PARAMETERS[operation!];
      if (drawn === null) expect(found.parameter).toBe(0);
      else {
        const u = uniform(`augment/${copy}/parameter`);
        const part = drawn.isSigned ? (2 * u) % 1 : u;
        const size = drawn.least + part * (drawn.most - drawn.least);
        expect([Math.abs(found.parameter)]).toBeAllclose([size], { rtol: 0, atol: 0.5001e-4 });
        expect(found.parameter < 0).toBe(drawn.isSigned && u < 0.5);
      }
    }
  });

  test('take every operation once before one is taken again, within their bounds', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.subarray([...PICTURE_OPERATIONS], { minLength: 1 }),
        fc.nat(20),
        fc.nat(3),
        (seed, allowed, copies, occurrence) => {
          const changes = createChangeDraws(seed)(row(copies + 1, allowed, occurrence));
          expect(changes).toHaveLength(copies);
          for (let start = 0; start < copies; start += allowed.length) {
            const turn = changes.slice(start, start + allowed.length).map(({ operation }) => operation);
            expect(new Set(turn).size).toBe(turn.length);
            for (const operation of turn) expect(allowed).toContain(operation);
          }
          for (const { operation, parameter } of changes) {
            const drawn = PARAMETERS[operation];
            if (drawn === null) expect(parameter).toBe(0);
            else {
              expect(Math.abs(parameter)).toBeGreaterThanOrEqual(drawn.least);
              expect(Math.abs(parameter)).toBeLessThanOrEqual(drawn.most);
              if (!drawn.isSigned) expect(parameter).toBeGreaterThan(0);
            }
          }
        },
      ),
    );
  });

  test('of more copies begin with those of fewer; other seeds, contents and occurrences have others', () => {
    const draws = createChangeDraws(7);
    expect(draws(row(9)).slice(0, 4)).toEqual(draws(row(5)));
    const other = { ...row(9), contentHash: contentOf('row-a2') };
    for (const changes of [draws(row(9, PICTURE_OPERATIONS, 1)), draws(other), createChangeDraws(8)(row(9))])
      expect(changes).not.toEqual(draws(row(9)));
    expect(draws(row(1))).toEqual([]);
  });

  test('are both darker and brighter', () => {
    const signs = Array.from(
      { length: 40 },
      (_, seed) => createChangeDraws(seed)(row(2, ['brightness']))[0]!.parameter,
    );
    expect(signs.some((parameter) => parameter < 0)).toBe(true);
    expect(signs.some((parameter) => parameter > 0)).toBe(true);
  });
});

test.each([
  [{ operation: 'border', parameter: 0.034 }, 'border 3.4 %'],
  [{ operation: 'crop', parameter: 0.9612 }, 'crop 96.12 %'],
  [{ operation: 'flip', parameter: 0 }, 'flip'],
  [{ operation: 'brightness', parameter: -0.02 }, 'brightness −2 %'],
  [{ operation: 'brightness', parameter: 0.05 }, 'brightness +5 %'],
] as const)('%j reads %s', (change, text) => {
  expect(changeText(change)).toBe(text);
});

test('changed copies are counted over tasks and operations', () => {
  const tasks = [
    { task: 'a', changed: { flip: 2, crop: 1 }, plain: { no_picture: 4 } },
    { task: 'b', changed: {}, plain: {} },
    { task: 'c', changed: { border: 5 }, plain: {} },
  ];
  expect(changedCountOf(tasks)).toBe(8);
});
