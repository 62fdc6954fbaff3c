// Fine-tuning and evaluation of every method, and of the base model: what a method is worth.
import type { ScanResult } from '../../contracts/messages/dataset.ts';
import type { MethodResult, RunResult } from '../../contracts/messages/run.ts';
import type { AdapterResult, EvaluationResult } from '../../contracts/messages/training.ts';
import type { RunContext } from '../context.ts';
import { adapterFacts, percentText, stateOf } from '../progress-facts.ts';
import { scanTestRows } from './dataset.ts';

/** All methods side by side: the workers share them out. */
export async function compareMethods(context: RunContext, { rows }: ScanResult, result: RunResult): Promise<void> {
  const { input, work, compute, gate, progress } = context;
  const { config } = input;
  if (!work.finetunes) {
    progress.finish('finetune', 'skipped', 'finetune.enabled: false');
    progress.finish('evaluation', 'skipped', 'nothing to evaluate');
    return;
  }
  progress.start('finetune', result.methods.length);
  const test = work.evaluates ? testRows(context, result) : null;
  const base = test?.then(async (scanned) => {
    result.baseEvaluation = await evaluate(context, 'base model', scanned, null);
  });
  const all = result.methods.map(async (done) => {
    const { selection } = done.selection!;
    await gate.pass();
    const summary = `finetune: ${done.method}`;
    done.finetune = await compute.finetuneModel.executeWithOptions({ summary }, [{ config, rows, selection }]);
    progress.advance('finetune');
    // Evaluations may go on for long: what is done says so.
    if (result.methods.every(({ finetune }) => finetune !== null)) finishTunings(context, result.methods);
    if (test !== null) done.evaluation = await evaluate(context, done.method, await test, done.finetune);
  });
  await allFinished([...all, base]);
  finishComparison(context, result.methods);
}

/**
 * Waits for what is done method by method, failed ones too, so that each gets to its checkpoint.
 * @throws what the first in the list failed with
 */
async function allFinished(parts: readonly (Promise<void> | undefined)[]): Promise<void> {
  await Promise.allSettled(parts);
  await Promise.all(parts);
}

async function testRows(context: RunContext, result: RunResult): Promise<ScanResult> {
  context.progress.start('evaluation', result.methods.length + 1);
  return (result.evaluationRows ??= await scanTestRows(context));
}

async function evaluate(
  { input, compute, progress }: RunContext,
  name: string,
  { rows }: ScanResult,
  finetune: AdapterResult | null,
): Promise<EvaluationResult> {
  const adapter = finetune?.adapter ?? null;
  const evaluation = await compute.evaluateModel.executeWithOptions({ summary: `evaluation: ${name}` }, [
    { config: input.config, rows, adapter },
  ]);
  progress.advance('evaluation');
  return evaluation;
}

function finishTunings({ progress, warnings }: RunContext, methods: readonly MethodResult[]): void {
  for (const { method, finetune } of methods)
    warnings.push(...(finetune?.warnings ?? []).map((warning) => `${method}: ${warning}`));
  const tuned = { cached: methods.every(({ finetune }) => finetune?.cached === true) };
  progress.finish('finetune', stateOf(tuned), adapterFacts(methods[0]!.finetune!));
}

function finishComparison({ work, progress, wants }: RunContext, methods: readonly MethodResult[]): void {
  if (!work.evaluates) {
    if (wants('evaluation')) progress.finish('evaluation', 'skipped', 'evaluation.path is not set');
    return;
  }
  const evaluated = { cached: methods.every(({ evaluation }) => evaluation?.cached === true) };
  const accuracies = methods.map(({ method, evaluation }) => `${method} ${scoreText(evaluation!)}`);
  progress.finish('evaluation', stateOf(evaluated), accuracies.join('  '));
}

function scoreText({ macroAccuracy, macroGenerated = null }: EvaluationResult): string {
  const generated = macroGenerated === null ? '' : ` (generated ${percentText(macroGenerated)})`;
  return `${percentText(macroAccuracy)}${generated}`;
}
