// `npx tsx test/histories/record.ts [path …]`: records the histories of this version, all or those named, beside this
// file.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { findServer, startTestServer } from '../workflows/test-server.ts';
import { PATHS, SUGGESTED_EVENTS } from './paths.ts';

const folder = import.meta.dirname;
const { version } = JSON.parse(readFileSync(join(folder, '../../package.json'), 'utf8')) as { version: string };
const named = process.argv.slice(2);
const unknown = named.find((name) => !Object.hasOwn(PATHS, name));
if (unknown !== undefined)
  throw new RangeError(`record: paths must be among ${Object.keys(PATHS).join(', ')}, got "${unknown}"`);

const found = await findServer();
if ('reason' in found) throw new Error(found.reason);
const server = await startTestServer(found.program, {
  extraArgs: ['--dynamic-config-value', `limit.historyCount.suggestContinueAsNew=${SUGGESTED_EVENTS}`],
});
try {
  for (const name of named.length > 0 ? named : Object.keys(PATHS)) {
    const { events } = JSON.parse(historyToJSON(await PATHS[name]!(server))) as { events: unknown[] };
    const json = `{"events":[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]}\n`;
    writeFileSync(join(folder, `${version}-${name}.json`), json);
    console.log(`${version}-${name}.json   ${json.length} bytes`);
  }
} finally {
  await server.stop();
}
