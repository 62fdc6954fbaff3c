// What a run is called, where its things lie, and what it shows.
import { z } from 'zod';
import { flag, integer, list, says, section, share, text } from '../kinds.ts';

export const run = section('name, seed and folder of the run', {
  name: z
    .string(says('text'))
    .regex(/^[a-z0-9-]{1,64}$/, says('1 to 64 of a-z, 0-9, -'))
    .nullable()
    .default(null)
    .describe('at most 64 of a-z 0-9 -; null = the dataset’s name and a hash of the recipe'),
  seed: integer(0).default(42).describe('seed of every random choice'),
  output_dir: text('a folder')
    .default('./runs')
    .describe('folder of the runs’ folders; relative to the working folder unless the recipe sets it'),
});

export const store = section('where artifacts lie', {
  uri: text('a folder or s3://bucket/prefix')
    .default('./tive-store')
    .describe('folder or s3://bucket/prefix; may be shared by many runs'),
});

const sentTo = () => {
  const what = says('tensorboard, mlflow or an http address');
  return z.string(what).regex(/^(tensorboard|mlflow|https?:\/\/\S+)$/, what);
};

export const report = section('what a run shows', {
  thumbnails: flag().default(true).describe('false leaves pictures and dialogues out'),
  examples_per_task: integer(0, 100).default(12).describe('rows shown of each task'),
  send_to: list(sentTo(), 'a list of tensorboard, mlflow and http addresses')
    .default([])
    .describe(
      'tensorboard (files in the run’s folder), mlflow (MLFLOW_TRACKING_URI), an http address that gets the result as JSON',
    ),
});

export const reselect = section('what an incremental run keeps', {
  max_new_fraction: share()
    .default(0.25)
    .describe('new rows up to which an incremental run keeps its reference model, as a share'),
});
