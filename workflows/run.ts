import { ApplicationFailure, executeChild, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { createDatasetActivities } from '../activities/dataset.ts';
import type { createEvaluationActivities } from '../activities/evaluation.ts';
import type { createFinetuneActivities } from '../activities/finetune.ts';
import type { createGradientActivities } from '../activities/gradients.ts';
import type { createWarmupActivities } from '../activities/warmup.ts';
import type { createReportActivities } from '../activities/report.ts';
import type { createAllocationActivities } from '../activities/allocation.ts';
import type { createSelectionActivities } from '../activities/selection.ts';
import type { createValuesActivities } from '../activities/values.ts';
import type { SelectionMethod } from '../contracts/config.ts';
import type {
  AdapterResult,
  GradientShard,
  GradientsResult,
  MethodResult,
  ReselectInput,
  RunInput,
  RunResult,
  ScanResult,
  ValuesResult,
} from '../contracts/messages.ts';
import { STAGES } from '../contracts/stages.ts';
import type { Stage } from '../contracts/stages.ts';
import { computeOptions, controlOptions } from './activity-options.ts';
import { collectGradients } from './collect-gradients.ts';
import { RunProgress, progressQuery } from './progress.ts';

type ComputeActivities = ReturnType<typeof createDatasetActivities> &
  ReturnType<typeof createWarmupActivities> &
  ReturnType<typeof createGradientActivities> &
  ReturnType<typeof createFinetuneActivities> &
  ReturnType<typeof createEvaluationActivities>;
type ControlActivities = ReturnType<typeof createValuesActivities> &
  ReturnType<typeof createAllocationActivities> &
  ReturnType<typeof createSelectionActivities> &
  ReturnType<typeof createReportActivities>;

/** Shards of one child workflow: their events stay well below the history's limit. */
const SHARDS_PER_CHILD = 500;

/** One run: the nine stages in order, each a pure step from references to a reference. */
export async function tiveRun(input: RunInput): Promise<RunResult> {
  return await new Run(input).execute();
}

/** Another selection from a finished gradient table: values, allocation, selection and report, no heavy work. */
export async function tiveReselect({ base, ...input }: ReselectInput): Promise<RunResult> {
  return await new Run({ ...input, until: 'selection' }).reselect(base);
}

class Run {
  readonly #input: RunInput;
  readonly #progress = new RunProgress();
  readonly #compute;
  readonly #control;
  readonly #result: RunResult;

  constructor(input: RunInput) {
    this.#input = input;
    this.#compute = proxyActivities<ComputeActivities>(computeOptions(input.heartbeatTimeoutMs));
    this.#control = proxyActivities<ControlActivities>(controlOptions(input.heartbeatTimeoutMs));
    this.#result = {
      runName: input.runName,
      config: input.config,
      dataset: null,
      warmup: null,
      gradients: null,
      values: null,
      methods: [],
      baseEvaluation: null,
      evaluationRows: null,
      stages: this.#progress.stages,
      warnings: [],
      report: null,
    };
    this.#progress.skipAfter(input.until);
    setHandler(progressQuery, () => this.#progress.stages, { description: 'Where the run stands, stage by stage.' });
  }

  async execute(): Promise<RunResult> {
    try {
      return await this.#stages();
    } catch (error) {
      this.#progress.fail();
      throw error;
    }
  }

  /** @throws ApplicationFailure of type RangeError where the base has no gradients */
  async reselect(base: RunResult): Promise<RunResult> {
    const { dataset, warmup, gradients } = base;
    if (dataset === null || gradients === null) {
      throw ApplicationFailure.nonRetryable(
        `select: run must have gradients, got none in ${base.runName}`,
        'RangeError',
      );
    }
    const result = this.#result;
    Object.assign(result, { dataset, warmup, gradients });
    for (const stage of ['dataset', 'warmup', 'gradients'] as const) {
      this.#progress.finish(stage, 'cached', base.stages.find((line) => line.stage === stage)?.detail ?? '');
    }
    const values = (result.values = await this.#values(dataset, gradients));
    await this.#selectAll(dataset, values);
    await this.#report();
    return result;
  }

  async #stages(): Promise<RunResult> {
    const result = this.#result;
    const dataset = (result.dataset = await this.#scanDataset());
    if (!this.#wants('warmup')) return result;
    const warmup = (result.warmup = await this.#warmup(dataset));
    if (!this.#wants('gradients')) return result;
    const gradients = (result.gradients = await this.#gradients(dataset, warmup));
    if (!this.#wants('values')) return result;
    const values = (result.values = await this.#values(dataset, gradients));
    if (!this.#wants('allocation')) return result;
    await this.#selectAll(dataset, values);
    if (this.#wants('finetune')) await this.#finetuneAll(dataset);
    if (this.#wants('report')) await this.#report();
    return result;
  }

  async #scanDataset(): Promise<ScanResult> {
    this.#progress.start('dataset');
    const { config } = this.#input;
    const result = await this.#compute.scanRows.executeWithOptions({ summary: 'dataset: read and check rows' }, [
      { config, source: 'dataset' },
    ]);
    this.#result.warnings.push(...result.warnings);
    const quarantined = result.rowCount - result.usableCount;
    this.#progress.finish(
      'dataset',
      stateOf(result),
      facts(`${count(result.rowCount)} rows`, `${result.tasks.length} tasks`, `${count(quarantined)} quarantined`),
    );
    return result;
  }

  async #warmup({ rows }: ScanResult): Promise<AdapterResult> {
    this.#progress.start('warmup');
    const { config } = this.#input;
    const result = await this.#compute.tuneReference.executeWithOptions(
      { summary: 'warmup: tune the reference model' },
      [{ config, rows }],
    );
    this.#progress.finish('warmup', stateOf(result), adapterFacts(result));
    return result;
  }

  async #gradients(dataset: ScanResult, { adapter }: AdapterResult): Promise<GradientsResult> {
    const { config, heartbeatTimeoutMs, shardWindow } = this.#input;
    const { rows } = dataset;
    this.#progress.start('gradients', dataset.shardCount);
    const plan = await this.#compute.planGradients.executeWithOptions({ summary: 'gradients: plan' }, [
      { config, rows, adapter },
    ]);
    this.#result.warnings.push(...plan.warnings);
    let result = plan.finished;
    if (result === null) {
      const { address, shardCount } = plan;
      const starts = Array.from(
        { length: Math.ceil(shardCount / SHARDS_PER_CHILD) },
        (_, index) => index * SHARDS_PER_CHILD,
      );
      const shards: GradientShard[] = [];
      for (const [index, shardStart] of starts.entries()) {
        const shardEnd = Math.min(shardCount, shardStart + SHARDS_PER_CHILD);
        const child = {
          config,
          rows,
          adapter,
          address,
          shardCount,
          shardStart,
          shardEnd,
          heartbeatTimeoutMs,
          shardWindow,
          next: shardStart,
          done: [],
        };
        const workflowId = `${workflowInfo().workflowId}/gradients/${index}`;
        const staticSummary = `gradient shards ${shardStart + 1} to ${shardEnd} of ${shardCount}`;
        shards.push(...(await executeChild(collectGradients, { workflowId, args: [child], staticSummary })));
        this.#progress.advance('gradients', shardEnd - shardStart);
      }
      result = await this.#compute.closeGradients.executeWithOptions({ summary: 'gradients: close the table' }, [
        { config, rows, adapter, address, shards },
      ]);
    }
    const late = result.quarantined.reduce((sum, { count: rowCount }) => sum + rowCount, 0);
    this.#progress.finish(
      'gradients',
      stateOf(result),
      facts(`${count(result.gradients.rowCount - late)} rows`, late > 0 ? `${count(late)} quarantined` : ''),
    );
    return result;
  }

  async #values({ rows }: ScanResult, { gradients }: GradientsResult): Promise<ValuesResult> {
    this.#progress.start('values');
    const { config } = this.#input;
    const result = await this.#control.estimateValues.executeWithOptions({ summary: 'values: value tasks and rows' }, [
      { config, rows, gradients },
    ]);
    this.#result.warnings.push(...result.warnings);
    this.#progress.finish('values', stateOf(result), `${result.tasks.length} tasks`);
    return result;
  }

  /** Allocation and selection of every method; seconds, so one after the other. */
  async #selectAll(dataset: ScanResult, values: ValuesResult): Promise<void> {
    const { config } = this.#input;
    const methods = methodsOf(this.#input);
    this.#progress.start('allocation', methods.length);
    if (this.#wants('selection')) this.#progress.start('selection', methods.length);
    for (const method of methods) {
      const allocation = await this.#control.allocateRows.executeWithOptions({ summary: `allocation: ${method}` }, [
        { config, method, tasks: values.tasks, allRowCount: dataset.rowCount },
      ]);
      this.#progress.advance('allocation');
      const done: MethodResult = { method, allocation, selection: null, finetune: null, evaluation: null };
      this.#result.methods.push(done);
      if (!this.#wants('selection')) continue;
      const summary = `selection: ${method}`;
      done.selection = await this.#control.selectRows.executeWithOptions({ summary }, [
        { config, method, values: values.values, allocation },
      ]);
      this.#progress.advance('selection');
    }
    const [first] = this.#result.methods;
    if (first === undefined) return;
    this.#result.warnings.push(...first.allocation.warnings, ...(first.selection?.warnings ?? []));
    this.#progress.finish(
      'allocation',
      'done',
      facts(`${count(first.allocation.budget)} rows`, `over ${first.allocation.tasks.length} tasks`),
    );
    if (first.selection === null) return;
    const cached = this.#result.methods.every(({ selection }) => selection?.cached === true);
    this.#progress.finish(
      'selection',
      stateOf({ cached }),
      facts(`${count(first.selection.rowCount)} rows`, methods.join(', ')),
    );
  }

  /** Fine-tuning and evaluation of every method, side by side: the workers share them out. */
  async #finetuneAll({ rows }: ScanResult): Promise<void> {
    const { config } = this.#input;
    const result = this.#result;
    if (!config.finetune.enabled) {
      this.#progress.finish('finetune', 'skipped', 'finetune.enabled: false');
      this.#progress.finish('evaluation', 'skipped', 'nothing to evaluate');
      return;
    }
    const evaluates = this.#wants('evaluation') && config.evaluation.path !== null;
    this.#progress.start('finetune', result.methods.length);
    const test = evaluates ? this.#scanTestRows() : null;
    const base = test?.then(async (testRows) => {
      result.baseEvaluation = await this.#evaluate('base model', testRows, null);
    });
    const all = result.methods.map(async (done) => {
      const selection = done.selection!.selection;
      done.finetune = await this.#compute.finetuneModel.executeWithOptions({ summary: `finetune: ${done.method}` }, [
        { config, rows, selection },
      ]);
      this.#progress.advance('finetune');
      if (test !== null) done.evaluation = await this.#evaluate(done.method, await test, done.finetune);
    });
    await Promise.all([...all, base]);
    const first = result.methods[0]!;
    this.#progress.finish(
      'finetune',
      stateOf({ cached: result.methods.every(({ finetune }) => finetune?.cached === true) }),
      adapterFacts(first.finetune!),
    );
    if (test === null) {
      if (this.#wants('evaluation')) this.#progress.finish('evaluation', 'skipped', 'evaluation.path is not set');
      return;
    }
    const cached = result.methods.every(({ evaluation }) => evaluation?.cached === true);
    const accuracies = result.methods.map(
      ({ method, evaluation }) => `${method} ${percent(evaluation!.macroAccuracy)}`,
    );
    this.#progress.finish('evaluation', stateOf({ cached }), accuracies.join('  '));
  }

  async #scanTestRows(): Promise<ScanResult> {
    this.#progress.start('evaluation', this.#result.methods.length + 1);
    const summary = 'evaluation: read and check test rows';
    const scanned = await this.#compute.scanRows.executeWithOptions({ summary }, [
      { config: this.#input.config, source: 'evaluation' },
    ]);
    this.#result.evaluationRows = scanned;
    return scanned;
  }

  async #evaluate(
    name: string,
    { rows }: ScanResult,
    finetune: AdapterResult | null,
  ): Promise<NonNullable<MethodResult['evaluation']>> {
    const { config } = this.#input;
    const evaluation = await this.#compute.evaluateModel.executeWithOptions({ summary: `evaluation: ${name}` }, [
      { config, rows, adapter: finetune?.adapter ?? null },
    ]);
    this.#progress.advance('evaluation');
    return evaluation;
  }

  async #report(): Promise<void> {
    this.#progress.start('report');
    this.#result.report = await this.#control.writeReport.executeWithOptions({ summary: 'report' }, [
      { result: this.#result },
    ]);
    this.#progress.finish('report', 'done', '');
  }

  #wants(stage: Stage): boolean {
    return STAGES.indexOf(stage) <= STAGES.indexOf(this.#input.until);
  }
}

/** The selection's own method, then those that the evaluation compares it with, each once. */
function methodsOf({ config, until }: RunInput): SelectionMethod[] {
  const compares =
    config.finetune.enabled && config.evaluation.path !== null && STAGES.indexOf(until) >= STAGES.indexOf('evaluation');
  return [...new Set([config.selection.method, ...(compares ? config.evaluation.compare : [])])];
}

function stateOf({ cached }: { cached: boolean }): 'cached' | 'done' {
  return cached ? 'cached' : 'done';
}

function adapterFacts({ rowCount, stepCount, firstLoss, lastLoss }: AdapterResult): string {
  if (firstLoss === null || lastLoss === null) return 'adapter given';
  return facts(
    `${count(rowCount)} rows`,
    `${count(stepCount)} steps`,
    `loss ${firstLoss.toFixed(2)} → ${lastLoss.toFixed(2)}`,
  );
}

function facts(...parts: string[]): string {
  return parts.filter((part) => part !== '').join('  ');
}

function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)} %`;
}
