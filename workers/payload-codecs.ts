// Codecs of payloads, loaded from a module of the user's.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DataConverter, PayloadCodec } from '@temporalio/common';
import { InvalidConfigError } from '../contracts/failures.ts';

/** Path of a module that exports `payloadCodecs`. */
const VARIABLE = 'TIVE_PAYLOAD_CODECS';

/**
 * Options of clients and workers by which Temporal sees only encoded payloads, as the environment says; all processes
 * of a cluster must have the same.
 * @throws InvalidConfigError where the module cannot be loaded or exports something else
 */
export async function payloadOptions(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<{ dataConverter?: DataConverter }> {
  const path = environment[VARIABLE];
  if (path === undefined || path === '') return {};
  const refuse = (got: string): never => {
    throw new InvalidConfigError(`${VARIABLE}: module must export payloadCodecs, a list of codecs, got ${got}`);
  };
  const loaded = await import(pathToFileURL(resolve(path)).href).catch((error: Error) => refuse(error.message));
  const { payloadCodecs } = loaded as { payloadCodecs?: unknown };
  if (!Array.isArray(payloadCodecs) || payloadCodecs.length === 0 || !payloadCodecs.every(isCodec))
    return refuse(`${typeof payloadCodecs} in ${path}`);
  return { dataConverter: { payloadCodecs } };
}

function isCodec(value: unknown): value is PayloadCodec {
  const { encode, decode } = (value ?? {}) as Partial<PayloadCodec>;
  return typeof encode === 'function' && typeof decode === 'function';
}
