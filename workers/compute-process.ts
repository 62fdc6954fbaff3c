// A compute process of the supervisor: one engine, one activity at a time. Ends by itself when the supervisor is gone.
import type { WorkerAddress } from './connection.ts';
import { startComputeWorker } from './compute-worker.ts';
import { installRuntime } from './install-runtime.ts';
import type { RuntimeSettings } from './install-runtime.ts';

const server = JSON.parse(process.argv[2] ?? 'null') as WorkerAddress;
const settings = JSON.parse(process.argv[3] ?? 'null') as RuntimeSettings;

try {
  installRuntime((line) => void process.send?.({ log: line }), settings);
  const worker = await startComputeWorker(server);
  const stop = (): void => {
    worker.stop().catch(() => process.exit(1));
  };
  process.on('SIGTERM', stop);
  // Ctrl-C reaches the whole process group; the supervisor says when to stop.
  process.on('SIGINT', () => undefined);
  process.on('disconnect', stop);
  process.send?.({ ready: true });
  await worker.finished;
  process.exit(0);
} catch (error) {
  if (process.send === undefined || !process.connected) process.exit(1);
  // Ends once the message is on its way.
  process.send({ log: { level: 'error', message: String(error), attributes: {} } }, () => process.exit(1));
}
