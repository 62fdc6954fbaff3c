// Greedy decoding with a cache against a pass over everything for each token, one row at a time.
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EngineName } from '../../../contracts/config.ts';
import { readAdapter } from '../../../model/adapter-files.ts';
import type { AdapterValues } from '../../../model/adapter.ts';
import { IGNORED_LABEL, lastAnswer } from '../../../model/engine.ts';
import type { GeneratedAnswer, TokenExample } from '../../../model/engine.ts';
import { loadEngine } from '../../../model/load-engine.ts';
import { disposeAdapter, toTensors } from '../../../model/tensorflow/adapter-tensors.ts';
import type { Adapter } from '../../../model/tensorflow/adapter-tensors.ts';
import { headName } from '../../../model/tensorflow/answer-loss.ts';
import { Decoder } from '../../../model/tensorflow/decoder.ts';
import { scoreExamples } from '../../../model/tensorflow/evaluate.ts';
import { generateAnswers } from '../../../model/tensorflow/generate.ts';
import { loadModel } from '../../../model/tensorflow/load-model.ts';
import type { LoadedModel } from '../../../model/tensorflow/load-model.ts';
import { embedExamples, pictureTensor } from '../../../model/tensorflow/micro-batch.ts';
import { linearLayers } from '../../../model/weight-shapes.ts';
import { GOLDEN, goldenExamples } from '../golden.ts';

const TOKENS = 7;
/** With a picture and without, of several lengths, one of two turns. */
const IDS = ['ex-000', 'ex-003', 'ex-011', 'ex-two-turns'];
type One = Pick<GeneratedAnswer, 'ids'>;
const FREELY = { mostTokens: TOKENS, stopsAtEnd: false };

describe.each<EngineName>(['tensorflow', 'wasm'])('greedy decoding on %s', (name) => {
  let model: LoadedModel;
  let values: AdapterValues;
  let adapter: Adapter;
  let examples: TokenExample[];
  const generated = (batch: TokenExample[], settings = FREELY, used: Adapter | null = adapter) =>
    generateAnswers(model, used, batch, settings);

  beforeAll(async () => {
    await loadEngine(name);
    model = await loadModel(`${GOLDEN}/model`);
    values = await readAdapter(`${GOLDEN}/adapter`, linearLayers(model.config.text));
    adapter = toTensors(values);
    examples = await goldenExamples(model, IDS);
  });
  afterAll(() => {
    model.weights.dispose();
    disposeAdapter(adapter);
  });

  /** The likeliest token behind a row, of a pass over all of it. */
  function next(row: TokenExample, used: Adapter | null): number {
    const { weights, config } = model;
    const decoder = new Decoder(weights, config.text, used);
    return tf.tidy(() => {
      const shape = { exampleCount: 1, tokenCount: row.ids.length };
      const embedded = embedExamples(weights, config, [row], shape, pictureTensor([row], config.text.hiddenSize));
      const hidden = decoder.forward(embedded, shape, Int32Array.of(row.ids.length - 1));
      const logits = weights.linear(decoder.finalNorm(hidden).normed, headName(weights));
      return tf.argMax(logits, -1).dataSync()[0]!;
    });
  }

  function slowly(row: TokenExample, used: Adapter | null): number[] {
    let ids = row.ids.slice(0, lastAnswer(row.labels).start);
    const found: number[] = [];
    while (found.length < TOKENS) {
      found.push(next({ ...row, ids }, used));
      ids = Int32Array.from([...ids, found.at(-1)!]);
    }
    return found;
  }

  /** A row whose own answer is the one that is given. */
  function answeredBy(row: TokenExample, answer: ArrayLike<number>): TokenExample {
    const { start } = lastAnswer(row.labels);
    const ids = Int32Array.from([...row.ids.slice(0, start), ...Array.from(answer)]);
    return { ...row, ids, labels: ids.map((id, place) => (place < start ? IGNORED_LABEL : id)) };
  }

  test('gives the tokens of a pass over everything for each token, with an adapter and without', () => {
    for (const used of [adapter, null]) {
      const found = generated(examples, FREELY, used);
      for (const [index, { ids, hasEnded, text }] of found.entries()) {
        expect([...ids], IDS[index]!).toEqual(slowly(examples[index]!, used));
        expect({ hasEnded, text }).toEqual({ hasEnded: false, text: null });
      }
    }
    expect(generated(examples)).not.toEqual(generated(examples, FREELY, null));
  });

  test('gives each row the same alone, in any company and with a merged adapter, and leaves no tensor behind', () => {
    const whole = generated(examples);
    const before = tf.memory().numTensors;
    expect(examples.flatMap((row) => generated([row]))).toEqual(whole);
    expect(generated(examples.toReversed()).toReversed()).toEqual(whole);
    expect(tf.memory().numTensors).toBe(before);
    const merged = toTensors(values, model.weights);
    expect(generated(examples, FREELY, merged)).toEqual(whole);
    disposeAdapter(merged);
  });

  test('of a row that is right teacher forced gives the tokens of its own answer, and ends where that ends', () => {
    for (const [index, { ids }] of generated(examples).entries()) {
      // Up to a token that has not come before it: that is the end.
      const length = [...ids].findLastIndex((id, place) => ids.indexOf(id) === place) + 1;
      const row = answeredBy(examples[index]!, ids.subarray(0, length));
      const [outcome] = scoreExamples(model, adapter, [row]);
      expect(outcome).toMatchObject({ correct: true, lastAnswerTokenCount: length });
      const stopping = { mostTokens: TOKENS, stopsAtEnd: true };
      expect(generated([row], stopping)).toEqual([{ ids: ids.slice(0, length), hasEnded: true, text: null }]);
      const wrong = answeredBy(row, [...ids.subarray(0, length - 1), (ids[length - 1]! + 1) % 100]);
      expect(scoreExamples(model, adapter, [wrong])[0]).toMatchObject({ correct: false });
    }
  });

  test('of rows that end at different places gives each up to its own end', () => {
    const [first, second] = generated(examples.slice(0, 2)).map(({ ids }) => ({ ids })) as [One, One];
    const rows = [answeredBy(examples[0]!, first.ids.subarray(0, 1)), answeredBy(examples[1]!, second.ids)];
    const found = generated(rows, { mostTokens: TOKENS, stopsAtEnd: true });
    expect(found[0]).toEqual({ ids: first.ids.slice(0, 1), hasEnded: true, text: null });
    expect(found[1]!.ids).toEqual(second.ids.slice(0, second.ids.indexOf(second.ids.at(-1)!) + 1));
  });

  test('sees no picture that stands behind the answer', () => {
    const [row] = examples as [TokenExample];
    const { imageTokenId, imageTokenCount } = model.config;
    const ids = Int32Array.from([...row.ids, ...Array.from({ length: imageTokenCount }, () => imageTokenId)]);
    const labels = new Int32Array(ids.length).fill(IGNORED_LABEL);
    labels.set(row.labels);
    const behind = { ids, labels, features: [...row.features, row.features[0]!.map((value) => -value)] };
    expect(generated([behind])).toEqual(generated([row]));
  });
});
