// Training steps of a run as JSON lines.
import type { RunResult } from '../../contracts/messages/run.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Store } from '../../store/store.ts';
import { trainingTable } from '../../tables/training.ts';

/**
 * Every training step of a run as one JSON line each: `stage`, `method`, `step`, `learning_rate`, `loss`,
 * `gradient_norm`.
 */
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
  for await (const { step, learningRate, loss, gradientNorm } of trainingTable.readIfThere(store, adapter)) {
    for (const [row, index] of step.entries()) {
      const numbers = {
        step: index,
        learning_rate: learningRate[row],
        loss: loss[row],
        gradient_norm: gradientNorm[row],
      };
      yield Buffer.from(`${JSON.stringify({ ...what, ...numbers })}\n`);
    }
  }
}
