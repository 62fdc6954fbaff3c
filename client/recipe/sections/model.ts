// The model, and how it sees a row.
import { DTYPES, TEMPLATES } from '../../../contracts/config.ts';
import { oneOf, place, section } from '../kinds.ts';

export const model = section('the model', {
  path: place('a model folder').describe('Hugging Face folder with safetensors, or the id of a downloaded one'),
  adapter: place('a PEFT folder or null')
    .nullable()
    .default(null)
    .describe('PEFT folder that takes the place of the warm-up'),
  engine: oneOf('auto', 'tensorflow', 'wasm', 'cpu', 'torch')
    .default('auto')
    .describe('the library that computes; auto = torch on a GPU or where no other reads the model, else tensorflow'),
  dtype: oneOf(...DTYPES)
    .default('auto')
    .describe('of weights and products; auto = bfloat16 on a GPU of engine torch, else float32'),
  template: oneOf(...TEMPLATES)
    .default('auto')
    .describe('form of the prompt; auto = the folder’s chat template, else vicuna_v1'),
  image_aspect: oneOf('auto', 'pad', 'crop')
    .default('auto')
    .describe('auto = as the model’s image processor, mostly crop; pad = LLaVA-1.5’s padding to a square'),
});
