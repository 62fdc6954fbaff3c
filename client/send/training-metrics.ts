import type { RunResult } from '../../contracts/messages/run.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import { readManifest } from '../../store/artifacts.ts';
import { tableSchema } from '../../tables/schemas.ts';
import type { Store } from '../../store/store.ts';
import { readTable } from '../../tables/arrow-file.ts';

const TABLE = 'training.arrow';

/** Every training step of a run as one JSON line each: `stage`, `method`, `step`, `learning_rate`, `loss`, `gradient_norm`. */
export async function* trainingMetrics(store: Store, { warmup, methods }: RunResult): AsyncGenerator<Uint8Array> {
  if (warmup !== null) yield* stepLines(store, warmup.adapter, { stage: 'warmup', method: null });
  for (const { method, finetune } of methods) {
    if (finetune !== null) yield* stepLines(store, finetune.adapter, { stage: 'finetune', method });
  }
}

/** An adapter that was given has no training. */
async function* stepLines(
  store: Store,
  adapter: ArtifactReference,
  what: { stage: string; method: string | null },
): AsyncGenerator<Uint8Array> {
  const file = (await readManifest(store, adapter)).files.find(({ name }) => name === TABLE);
  if (file === undefined) return;
  for await (const batch of readTable(store, adapter.uri, file, tableSchema('training'))) {
    const numbers = (name: string): Float64Array => batch.float64(name);
    const [rates, losses, norms] = [numbers('learning_rate'), numbers('loss'), numbers('gradient_norm')];
    for (const [row, step] of batch.uint32('step').entries()) {
      const values = { step, learning_rate: rates[row], loss: losses[row], gradient_norm: norms[row] };
      yield Buffer.from(`${JSON.stringify({ ...what, ...values })}\n`);
    }
  }
}
