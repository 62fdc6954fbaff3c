// Facts of a run: its stages and artifacts, what these are determined by, times, the engine.
import type { RunResult } from '../../contracts/messages/run.ts';
import type { ArtifactReference } from '../../contracts/references.ts';
import type { Stage } from '../../contracts/stages.ts';
import type { EngineSummary, StageFacts } from '../../contracts/summary.ts';
import type { EngineDescription } from '../../model/engine.ts';
import { readManifest } from '../../store/artifacts.ts';
import type { Store } from '../../store/store.ts';

/** The artifacts that a stage has made, with a name for each where there are several. */
function artifactsOf(result: RunResult, stage: Stage): StageFacts['artifacts'] {
  const { dataset, evaluationRows, warmup, gradients, queries, earlierGradients, values, methods, baseEvaluation } =
    result;
  const named = (name: string, reference: ArtifactReference | undefined, cached = false) =>
    reference === undefined ? [] : [{ name, reference, cached }];
  switch (stage) {
    case 'dataset':
      return [
        ...named('rows', dataset?.rows, dataset?.cached),
        ...named('test rows', evaluationRows?.rows, evaluationRows?.cached),
      ];
    case 'warmup':
      return named('adapter', warmup?.adapter, warmup?.cached);
    case 'gradients':
      return [
        ...named('gradients', gradients?.gradients, gradients?.cached),
        ...named('rows that are queries', queries?.rows),
        ...named('gradients of queries', queries?.gradients),
        ...(earlierGradients?.checkpoints ?? []).flatMap(({ step, gradients: own, queries: ownQueries }) => [
          ...named(`gradients after ${step} updates`, own),
          ...named(`gradients of queries after ${step} updates`, ownQueries ?? undefined),
        ]),
      ];
    case 'values':
      return named('values', values?.values, values?.cached);
    case 'selection':
      return methods.flatMap(({ method, filter, selection }) => [
        ...named(`left out of ${method}`, filter?.filtered, filter?.cached),
        ...named(method, selection?.selection, selection?.cached),
      ]);
    case 'finetune':
      return methods.flatMap(({ method, finetune }) => named(method, finetune?.adapter, finetune?.cached));
    case 'evaluation':
      return [
        ...methods.flatMap(({ method, evaluation }) => named(method, evaluation?.outcomes, evaluation?.cached)),
        ...named('base model', baseEvaluation?.outcomes, baseEvaluation?.cached),
      ];
    case 'allocation':
    case 'report':
      return [];
  }
}

/** The stages before the report, with their artifacts. */
export function stageFacts(result: RunResult): StageFacts[] {
  const past = result.stages.filter(({ stage }) => stage !== 'report');
  return past.map(({ stage, state, detail, durationMs }) => ({
    stage,
    state,
    detail,
    durationMs,
    artifacts: artifactsOf(result, stage),
  }));
}

/** From the start of the first stage to the end of the last one; null where none has ended. */
export function wallTimeMs({ stages }: RunResult): number | null {
  const ended = stages.flatMap(({ startedAtMs, durationMs }) =>
    startedAtMs === null || durationMs === null ? [] : [{ startedAtMs, endedAtMs: startedAtMs + durationMs }],
  );
  if (ended.length === 0) return null;
  return (
    Math.max(...ended.map(({ endedAtMs }) => endedAtMs)) - Math.min(...ended.map(({ startedAtMs }) => startedAtMs))
  );
}

/** What each artifact of the run is determined by, by its folder. */
export async function readInputs(store: Store, result: RunResult): Promise<ReadonlyMap<string, object>> {
  const inputs = new Map<string, object>();
  for (const { artifacts } of stageFacts(result)) {
    for (const { reference } of artifacts)
      inputs.set(reference.uri, (await readManifest(store, reference)).determinants);
  }
  return inputs;
}

/** The engine that took the gradients: a part of what determines them. */
export function engineOf({ gradients }: RunResult, inputs: ReadonlyMap<string, object>): EngineSummary | null {
  const { engine } = ((gradients === null ? null : inputs.get(gradients.gradients.uri)) ?? {}) as {
    engine?: EngineDescription;
  };
  if (engine === undefined) return null;
  const settings = [
    engine.instructionSet,
    engine.engine === 'torch'
      ? `${engine.dtype}, transformers ${engine.transformers}`
      : `oneDNN ${engine.oneDnn ? 'on' : 'off'}`,
    ...(engine.tf32 ? ['TF32'] : []),
  ].join(', ');
  return { engine: engine.engine, libraryVersion: engine.libraryVersion, device: engine.device, settings };
}
