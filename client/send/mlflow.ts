// A run's parameters and metrics, sent to an MLflow server.
import { InvalidConfigError } from '../../contracts/failures.ts';
import type { JsonObject } from '../../contracts/json-object.ts';

/** What is logged of a run. */
export interface LoggedRun {
  name: string;
  parameters: Record<string, string>;
  metrics: { key: string; step: number; value: number }[];
  tags: Record<string, string>;
  startedAtMs: number;
  endedAtMs: number;
}

const EXPERIMENT = 'tive';

/** A batch holds so many at the most; longer parameters are cut. */
const METRICS_OF_BATCH = 1000;
const PARAMETERS_OF_BATCH = 100;
const PARAMETER_CHARACTERS = 6000;

/**
 * Logs a run to the MLflow server of `MLFLOW_TRACKING_URI`, in the experiment `MLFLOW_EXPERIMENT_NAME` or `tive`.
 * Credentials as MLflow's own: `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `…_PASSWORD`.
 *
 * @throws InvalidConfigError without an address, Error where the server refuses
 * @see MLflow REST API 2.0
 */
export async function logToMlflow(run: LoggedRun, environment: NodeJS.ProcessEnv = process.env): Promise<void> {
  const address = environment['MLFLOW_TRACKING_URI'];
  if (address === undefined || !/^https?:/.test(address))
    throw new InvalidConfigError(`MLFLOW_TRACKING_URI: must be an http address, got ${address ?? 'nothing'}`);
  const call = caller(address.replace(/\/+$/, ''), environment);
  const experimentId = await experimentOf(call, environment['MLFLOW_EXPERIMENT_NAME'] ?? EXPERIMENT);
  const tags = Object.entries({ ...run.tags, 'mlflow.runName': run.name }).map(([key, value]) => ({ key, value }));
  const created = await call('runs/create', { experiment_id: experimentId, start_time: run.startedAtMs, tags });
  const { run_id: runId } = ((created['run'] ?? {}) as { info?: { run_id?: string } }).info ?? {};
  const parameters = Object.entries(run.parameters).map(([key, value]) => ({
    key,
    value: value.slice(0, PARAMETER_CHARACTERS),
  }));
  for (const params of batches(parameters, PARAMETERS_OF_BATCH))
    await call('runs/log-batch', { run_id: runId, params });
  const metrics = run.metrics.map((metric) => ({ ...metric, timestamp: run.endedAtMs }));
  for (const batch of batches(metrics, METRICS_OF_BATCH))
    await call('runs/log-batch', { run_id: runId, metrics: batch });
  await call('runs/update', { run_id: runId, status: 'FINISHED', end_time: run.endedAtMs });
}

type Call = (path: string, body: object | null) => Promise<JsonObject>;

function caller(address: string, environment: NodeJS.ProcessEnv): Call {
  const {
    MLFLOW_TRACKING_TOKEN: token,
    MLFLOW_TRACKING_USERNAME: user,
    MLFLOW_TRACKING_PASSWORD: password,
  } = environment;
  const authorization =
    token !== undefined
      ? { authorization: `Bearer ${token}` }
      : user !== undefined
        ? { authorization: `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}` }
        : {};
  return async (path, body) => {
    const response = await fetch(`${address}/api/2.0/mlflow/${path}`, {
      method: body === null ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`mlflow: ${path.split('?')[0]} must succeed, got ${response.status} ${text.slice(0, 200)}`);
    return JSON.parse(text === '' ? '{}' : text) as JsonObject;
  };
}

async function experimentOf(call: Call, name: string): Promise<string> {
  const query = `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`;
  const found = await call(query, null).catch((error: Error) => {
    if (error.message.includes('RESOURCE_DOES_NOT_EXIST')) return null;
    throw error;
  });
  const known = (found?.['experiment'] as { experiment_id?: string } | undefined)?.experiment_id;
  return known ?? String((await call('experiments/create', { name }))['experiment_id']);
}

function* batches<Item>(items: readonly Item[], size: number): Generator<Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
