// What tests and benches need beside the code: dependencies, native engine, Temporal server. Says what it does.
import { bootstrap } from './bootstrap.mjs';

/** @returns environment of the processes that test and measure */
export async function prepareTestEnvironment() {
  bootstrap();
  const say = (text) => console.log(`set-up: ${text}`);
  const { prepareEngine } = await import('../dist/setup/prepare-engine.js');
  const { prepareTemporal } = await import('../dist/setup/temporal.js');
  const engine = await prepareEngine(say);
  if (engine.reason !== null) say(`the native engine is not used: ${engine.reason}`);
  const temporal = await prepareTemporal(say).catch((error) => {
    say(`no Temporal server: ${error.message}`);
    return null;
  });
  return {
    ...process.env,
    ...engine.environment,
    ...(engine.reason === null ? {} : { TIVE_NO_NATIVE: engine.reason }),
    ...(temporal === null ? {} : { TEMPORAL_CLI_PATH: temporal.path }),
  };
}
