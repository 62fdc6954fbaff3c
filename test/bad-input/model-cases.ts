import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkModel } from '../../activities/shared/model-checks.ts';
import { ModelHost } from '../../activities/shared/model-host.ts';
import { createPromptEncoder } from '../../dataset/prompts/prompt.ts';
import { readAdapter } from '../../model/adapter-files.ts';
import { checkModelFiles } from '../../model/model-files.ts';
import { readArchitecture } from '../../model/architectures/read-architecture.ts';
import { encodeSafetensors } from '../../model/safetensors.ts';
import { config } from './case.ts';
import type { Case } from './case.ts';
import { GOLDEN, stops } from './world.ts';
import { linearLayers } from '../../model/weight-shapes.ts';

export const MODEL: Case[] = [
  [
    32,
    'a folder without config.json',
    (world) => {
      mkdirSync(world.path('empty'));
      world.write('empty/model.pt', '');
      return stops(() => readArchitecture(world.path('empty')));
    },
    config('model.path: must hold config.json, got a folder with 1 files (model.pt)'),
  ],
  [
    33,
    'pickled weights',
    async (world) => {
      mkdirSync(world.path('pickled'));
      cpSync(join(GOLDEN, 'model/config.json'), world.path('pickled/config.json'));
      world.write('pickled/pytorch_model.bin', 'x');
      return stops(() => checkModelFiles(world.path('pickled')));
    },
    config(
      'pytorch_model.bin: weights must be safetensors, got a pickle file; convert it: torch.load(weights_only=True), safetensors save_file',
    ),
  ],
  [
    34,
    'a LoRA folder of LLaVA',
    async (world) => {
      cpSync(join(GOLDEN, 'adapter'), world.path('lora'), { recursive: true });
      world.write('lora/non_lora_trainables.bin', 'x');
      return stops(async () =>
        readAdapter(world.path('lora'), linearLayers((await readArchitecture(join(GOLDEN, 'model'))).text)),
      );
    },
    config(
      'non_lora_trainables.bin: must be safetensors, got a pickle file; merge and convert with convert_llava_weights_to_hf.py',
    ),
  ],
  [
    35,
    'another architecture',
    (world) => stops(() => readArchitecture(world.modelWith({ model_type: 'llava_next' }))),
    config(
      'config.json: model_type must be llava, idefics3, smolvlm, llama or qwen2, got "llava_next"; others run by the torch engine: tive setup torch',
    ),
  ],
  [
    36,
    'a shard that is missing',
    (world) => stops(() => checkModelFiles(world.model('model-00002-of-00008.safetensors', null))),
    config('model.safetensors.index.json: all 8 shards must exist, got 7; fetch model-00002-of-00008.safetensors'),
  ],
  [
    37,
    'a projector of another model',
    async (world) => {
      const folder = await world.modelWithTensor('multi_modal_projector.linear_1.weight', [96, 80]);
      return stops(() => checkModelFiles(folder));
    },
    config(
      'multi_modal_projector.linear_1.weight: must be [96, 64] by config.json, got [96, 80]; projector and vision tower do not belong together',
    ),
  ],
  [
    38,
    'a header that cannot be',
    (world) => stops(() => checkModelFiles(world.model('model-00001-of-00008.safetensors', 'version https://git-lfs'))),
    config(
      /^model-00001-of-00008\.safetensors: header length must be below the file size, got [\d,]+ of 23 bytes; truncated, or an LFS pointer$/,
    ),
  ],
  [
    39,
    'a tokenizer with larger ids',
    () =>
      stops(async () => {
        const architecture = await readArchitecture(join(GOLDEN, 'model'));
        await createPromptEncoder({
          ...architecture,
          modelFolder: join(GOLDEN, 'model'),
          template: 'auto',
          vocabularySize: 400,
          cutoffLen: 128,
        });
      }),
    config("tokenizer: ids must be below vocab_size 400, got 419; take the converted folder's tokenizer"),
  ],
  [
    40,
    'an adapter of another model',
    async (world) => {
      cpSync(join(GOLDEN, 'adapter'), world.path('foreign'), { recursive: true });
      const name = 'base_model.model.gpt.h.0.attn.lora_A.weight';
      const bytes = encodeSafetensors([{ name, shape: [1, 2], values: Float32Array.of(1, 2) }]);
      world.write('foreign/adapter_model.safetensors', bytes);
      return stops(() => checkModel(world.config(`model.adapter=${world.path('foreign')}`), new ModelHost()));
    },
    config('adapter: keys must match modules, got 0 of 1; first: base_model.model.gpt.h.0.attn.lora_A.weight'),
  ],
];
