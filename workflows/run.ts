import { ApplicationFailure, patched, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow';
import type { ScanResult } from '../contracts/messages/dataset.ts';
import type { GradientsResult } from '../contracts/messages/gradients.ts';
import type { Reselection } from '../contracts/messages/incremental.ts';
import type { LastRun, MethodResult, ReselectInput, RunInput, RunResult } from '../contracts/messages/run.ts';
import type { AdapterResult } from '../contracts/messages/training.ts';
import type { ValuesResult } from '../contracts/messages/values.ts';
import type { ArtifactReference } from '../contracts/references.ts';
import { STAGES } from '../contracts/stages.ts';
import type { Stage } from '../contracts/stages.ts';
import { computeOptions, controlOptions } from './activity-options.ts';
import type { ComputeActivities, ControlActivities } from './activity-options.ts';
import { adapterFacts, count, facts, percent, stateOf } from './facts.ts';
import { RunGate } from './gate.ts';
import { hasSameReference, isUnchanged, joinTables, tunedAgain } from './incremental.ts';
import type { KeptRows } from './incremental.ts';
import { makeGradients, requireFewShards } from './make-gradients.ts';
import { allFinished, methodsOf } from './methods.ts';
import { RunProgress, progressQuery } from './progress.ts';

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
  readonly #gate = new RunGate();
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
      reselection: null,
    };
    this.#progress.skipAfter(input.until);
    setHandler(progressQuery, () => this.#progress.stages, { description: 'Where the run stands, stage by stage.' });
  }

  execute(): Promise<RunResult> {
    return this.#marked(() => this.#stages());
  }

  /** @throws ApplicationFailure of type RangeError where the base has no gradients */
  reselect(base: RunResult): Promise<RunResult> {
    return this.#marked(() => this.#selectFrom(base));
  }

  /** Does the work; where it fails, the stages that were in work say so. */
  async #marked(work: () => Promise<RunResult>): Promise<RunResult> {
    try {
      return await work();
    } catch (error) {
      this.#progress.fail();
      throw error;
    }
  }

  async #selectFrom(base: RunResult): Promise<RunResult> {
    const { dataset, warmup, gradients } = base;
    if (dataset === null || gradients === null) {
      throw ApplicationFailure.nonRetryable(
        `select: run must have gradients, got none in ${base.runName}`,
        'RangeError',
      );
    }
    const result = this.#result;
    Object.assign(result, { dataset, warmup, gradients });
    result.warnings.push(...dataset.warnings);
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
    const { config, runName, incremental } = this.#input;
    const last = incremental ? await this.#control.readLastRun({ config, runName }) : null;
    const fingerprint = incremental ? await this.#compute.fingerprintDataset({ config }) : '';
    if (last !== null && isUnchanged(last, fingerprint, this.#input)) return this.#repeat(last);
    const dataset = (result.dataset = await this.#scanDataset());
    if (!this.#wants('warmup')) return result;
    // Before the heavy work, which would be in vain.
    if (this.#wants('gradients')) requireFewShards(dataset.shardCount);
    // Test rows that cannot be used are told before hours of work.
    if (this.#evaluates() && patched('test-rows-first')) await this.#scanTestRows();
    await this.#gate.pass();
    const kept = last === null ? null : await this.#keep(last, dataset);
    const warmup = (result.warmup = kept === null ? await this.#warmup(dataset) : this.#keepWarmup(kept));
    if (!this.#wants('gradients')) return result;
    await this.#gate.pass();
    const gradients = (result.gradients = await this.#gradients(dataset, warmup, kept));
    if (!this.#wants('values')) return result;
    await this.#gate.pass();
    const values = (result.values = await this.#values(dataset, gradients));
    if (!this.#wants('allocation')) return result;
    await this.#selectAll(dataset, values);
    if (last !== null) await this.#compare(last, dataset);
    if (this.#wants('finetune')) await this.#finetuneAll(dataset);
    if (this.#wants('report')) await this.#report();
    if (incremental) {
      const startedAtMs = workflowInfo().startTime.getTime();
      await this.#control.keepLastRun({ config, runName, last: { fingerprint, startedAtMs, result } });
    }
    return result;
  }

  /** Nothing has changed: the last result stands. */
  #repeat({ result }: LastRun): RunResult {
    for (const { stage, state, detail } of result.stages) {
      if (state === 'done' || state === 'cached') this.#progress.finish(stage, 'cached', detail);
    }
    const reselection: Reselection = {
      ...tunedAgain('neither data nor recipe has changed', { newFraction: 0, referenceModel: 'kept' }),
      unchanged: true,
    };
    return { ...result, stages: this.#progress.stages, reselection };
  }

  /** What of the last run can be kept; null where its reference model does not serve any more. */
  async #keep({ result: then }: LastRun, { rows, usableCount }: ScanResult): Promise<KeptRows | null> {
    const { config } = this.#input;
    const { warmup, gradients, dataset: lastDataset } = then;
    const again = (reason: string, counts: Partial<Reselection> = {}): null => {
      this.#result.reselection = tunedAgain(reason, counts);
      return null;
    };
    if (warmup === null || gradients === null || lastDataset === null) return again('the last run has no gradients');
    if (!hasSameReference(then.config, config)) return again('settings of the reference model have changed');
    const { adapter } = warmup;
    const tables = [gradients.gradients, ...gradients.reused];
    const summary = 'gradients: find new rows';
    const plan = await this.#compute.planNewRows.executeWithOptions({ summary }, [
      { config, rows, adapter, tables, lastRows: lastDataset.rows },
    ]);
    const { newRowCount, removedRowCount } = plan;
    if (plan.refusal !== null) return again(plan.refusal);
    const newFraction = newRowCount / usableCount;
    const counts = { newRowCount, removedRowCount, newFraction };
    const { maxNewFraction } = config.reselect;
    const shares = `${percent(newFraction)} of the rows are new`;
    if (newFraction > maxNewFraction) return again(`${shares}, above the limit of ${percent(maxNewFraction)}`, counts);
    const reason = `${shares}, within the limit of ${percent(maxNewFraction)}`;
    this.#result.reselection = { ...tunedAgain(reason, counts), referenceModel: 'kept' };
    return { warmup, gradients, plan };
  }

  #keepWarmup({ warmup }: KeptRows): AdapterResult {
    this.#progress.start('warmup');
    this.#progress.finish('warmup', 'cached', facts('kept', adapterFacts(warmup)));
    return { ...warmup, cached: true };
  }

  /** What entered and left the selection since the last run. */
  async #compare({ result: then }: LastRun, { rows }: ScanResult): Promise<void> {
    const { config } = this.#input;
    const [before = null] = then.methods;
    const [after = null] = this.#result.methods;
    const { reselection } = this.#result;
    if (reselection === null || then.dataset === null || !before?.selection || !after?.selection) return;
    const side = (of: ScanResult['rows'], { selection, allocation }: MethodResult) => ({
      rows: of,
      selection: selection!.selection,
      quotas: allocation.tasks.map(({ task, quota }) => ({ task, quota })),
    });
    reselection.change = await this.#control.compareSelections.executeWithOptions({ summary: 'selection: compare' }, [
      { config, before: side(then.dataset.rows, before), after: side(rows, after) },
    ]);
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

  /** Gradients of all rows, or of those alone that a kept table lacks. */
  async #gradients(dataset: ScanResult, { adapter }: AdapterResult, kept: KeptRows | null): Promise<GradientsResult> {
    this.#progress.start('gradients');
    const rows = kept === null ? dataset.rows : kept.plan.newRows;
    const made = rows === null ? null : await this.#makeGradients(rows, adapter);
    const result = kept === null ? made! : joinTables(kept, made);
    const late = result.quarantined.reduce((sum, { count: rowCount }) => sum + rowCount, 0);
    const rowCount = kept === null ? result.gradients.rowCount : kept.plan.keptRowCount + kept.plan.newRowCount;
    const detail = facts(
      `${count(rowCount - late)} rows`,
      kept === null ? '' : `${count(kept.plan.newRowCount)} new`,
      late > 0 ? `${count(late)} quarantined` : '',
    );
    this.#progress.finish('gradients', stateOf(result), detail);
    return result;
  }

  async #makeGradients(rows: ArtifactReference, adapter: ArtifactReference): Promise<GradientsResult> {
    const { warnings, ...made } = await makeGradients(this.#input, this.#progress, rows, adapter);
    this.#result.warnings.push(...warnings);
    return made;
  }

  async #values({ rows }: ScanResult, made: GradientsResult): Promise<ValuesResult> {
    const gradients = [made.gradients, ...made.reused];
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
      if (method === config.selection.method) await this.#approval(allocation);
      await this.#gate.pass();
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

  /** Holds where the recipe asks for it, until somebody approves of the quotas. */
  async #approval({ budget, tasks }: MethodResult['allocation']): Promise<void> {
    if (this.#input.config.allocation.approval !== 'required') return;
    this.#progress.describe('allocation', `${count(budget)} rows over ${tasks.length} tasks wait for approval`);
    await this.#gate.approval();
    this.#progress.describe('allocation', '');
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
    this.#progress.start('finetune', result.methods.length);
    const test = this.#evaluates() ? this.#testRows() : null;
    const base = test?.then(async (testRows) => {
      result.baseEvaluation = await this.#evaluate('base model', testRows, null);
    });
    const all = result.methods.map(async (done) => {
      const selection = done.selection!.selection;
      await this.#gate.pass();
      done.finetune = await this.#compute.finetuneModel.executeWithOptions({ summary: `finetune: ${done.method}` }, [
        { config, rows, selection },
      ]);
      this.#progress.advance('finetune');
      if (test !== null) done.evaluation = await this.#evaluate(done.method, await test, done.finetune);
    });
    await allFinished([...all, base]);
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

  #evaluates(): boolean {
    const { finetune, evaluation } = this.#input.config;
    return this.#wants('evaluation') && finetune.enabled && evaluation.path !== null;
  }

  async #testRows(): Promise<ScanResult> {
    this.#progress.start('evaluation', this.#result.methods.length + 1);
    return this.#result.evaluationRows ?? (await this.#scanTestRows());
  }

  async #scanTestRows(): Promise<ScanResult> {
    const summary = 'evaluation: read and check test rows';
    const scanned = await this.#compute.scanRows.executeWithOptions({ summary }, [
      { config: this.#input.config, source: 'evaluation' },
    ]);
    this.#result.evaluationRows = scanned;
    this.#result.warnings.push(...scanned.warnings);
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
