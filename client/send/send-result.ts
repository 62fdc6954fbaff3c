// A run's result, sent to where `report.send_to` says.
import { join } from 'node:path';
import { readTraining } from '../../activities/report/training-curves.ts';
import { withDiskNames } from '../../contracts/disk-names.ts';
import type { RunResult } from '../../contracts/messages/run.ts';
import { LocalStore } from '../../store/local-store.ts';
import type { Store } from '../../store/store.ts';
import { logToMlflow } from './mlflow.ts';
import { eventFile } from './tensorboard.ts';
import type { Scalar } from './tensorboard.ts';

/** A run's result, and where its files lie here. */
export interface SentResult {
  store: Store;
  result: RunResult;
  folder: string;
}

/**
 * Sends a result to whatever `report.send_to` names. What cannot be sent is said, and does not fail the run.
 * @returns a sentence for each place that did not take it
 */
export async function sendResult(sent: SentResult): Promise<string[]> {
  const problems: string[] = [];
  for (const place of sent.result.config.report.sendTo) {
    try {
      if (place === 'tensorboard') await writeEvents(sent);
      else if (place === 'mlflow') await logRun(sent);
      else await postResult(place, sent);
    } catch (error) {
      problems.push(`report.send_to ${place}: must take the result, got ${(error as Error).message}`);
    }
  }
  return problems;
}

/** One folder of events a training, below `tensorboard` in the run's folder. */
async function writeEvents(sent: SentResult): Promise<void> {
  const files = new LocalStore(join(sent.folder, 'tensorboard'));
  const wallTime = Math.floor(endedAtMs(sent.result) / 1000);
  const byTraining = new Map<string, Scalar[]>();
  for (const { training, ...scalar } of await scalarsOf(sent)) {
    const own = byTraining.get(training) ?? [];
    byTraining.set(training, own);
    own.push(scalar);
  }
  for (const [training, scalars] of byTraining)
    await files.write(`${training}/events.out.tfevents.${wallTime}.tive`, eventFile(scalars, wallTime));
}

async function logRun(sent: SentResult): Promise<void> {
  const { result } = sent;
  const scalars = await scalarsOf(sent);
  await logToMlflow({
    name: result.runName,
    parameters: flattened(withDiskNames(result.config)),
    metrics: scalars.map(({ training, tag, step, value }) => ({ key: `${training}/${tag}`, step, value })),
    tags: { 'tive.verdict': result.report?.verdict.join(' ') ?? '' },
    startedAtMs: Math.min(...result.stages.flatMap(({ startedAtMs }) => (startedAtMs === null ? [] : [startedAtMs]))),
    endedAtMs: endedAtMs(result),
  });
}

/** What a program needs to know of a finished run; no text of the dataset. */
async function postResult(address: string, { result }: SentResult): Promise<void> {
  const [first = null] = result.methods;
  const body = {
    run: result.runName,
    status: 'done',
    verdict: result.report?.verdict ?? [],
    row_count: result.dataset?.rowCount ?? null,
    usable_count: result.dataset?.usableCount ?? null,
    method: first?.method ?? null,
    selected_count: first?.selection?.rowCount ?? null,
    accuracies: Object.fromEntries(
      result.methods.flatMap(({ method, evaluation }) =>
        evaluation === null ? [] : [[method, evaluation.macroAccuracy]],
      ),
    ),
    ...generatedAccuracies(result),
    warnings: result.warnings,
  };
  const response = await fetch(address, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(20_000),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
}

/** Nothing where no answers were generated. */
function generatedAccuracies({ methods }: RunResult): object {
  const found = methods.flatMap(({ method, evaluation }) => {
    const macroGenerated = evaluation?.macroGenerated ?? null;
    return macroGenerated === null ? [] : [[method, macroGenerated] as const];
  });
  return found.length === 0 ? {} : { generated_accuracies: Object.fromEntries(found) };
}

interface NamedScalar extends Scalar {
  training: string;
}

/** Losses of every training, as the report shows them, and accuracies. */
async function scalarsOf({ store, result }: SentResult): Promise<NamedScalar[]> {
  const curves = await readTraining(store, result);
  const losses = curves.flatMap(({ method, steps, losses: values, smoothed }) => {
    const training = method === null ? 'warmup' : `finetune-${method}`;
    return steps.flatMap((step, place): NamedScalar[] => [
      { training, tag: 'loss', step, value: values[place]! },
      { training, tag: 'loss_smoothed', step, value: smoothed[place]! },
    ]);
  });
  const accuracies = result.methods.flatMap(({ method, evaluation }): NamedScalar[] => {
    if (evaluation === null) return [];
    const own = { training: `finetune-${method}`, step: 0 };
    const { macroAccuracy, macroGenerated = null } = evaluation;
    return [
      { ...own, tag: 'macro_accuracy', value: macroAccuracy },
      ...(macroGenerated === null ? [] : [{ ...own, tag: 'macro_generated_accuracy', value: macroGenerated }]),
    ];
  });
  return [...losses, ...accuracies];
}

function endedAtMs({ stages }: RunResult): number {
  return Math.max(0, ...stages.map(({ startedAtMs, durationMs }) => (startedAtMs ?? 0) + (durationMs ?? 0)));
}

/** `{ a: { b: 1 } }` as `{ 'a.b': '1' }`. */
function flattened(value: unknown, path = ''): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { [path]: JSON.stringify(value) };
  return Object.assign(
    {},
    ...Object.entries(value).map(([key, item]) => flattened(item, path === '' ? key : `${path}.${key}`)),
  ) as Record<string, string>;
}
