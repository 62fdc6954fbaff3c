import { afterAll, beforeAll, beforeEach, inject } from 'vitest';
import { findServer, startTestServer } from './test-server.ts';
import type { TestServer, TestServerOptions } from './test-server.ts';

/** One server for all tests of a file; without one each test is skipped with the reason. */
export function useTestServer(options: TestServerOptions = {}): () => TestServer {
  let server: TestServer | undefined;
  let reason = '';
  beforeAll(async () => {
    const found = await findServer();
    if ('reason' in found) reason = found.reason;
    else server = await startTestServer(found.program, { ...options, bundle: { codePath: inject('workflowBundle') } });
  });
  beforeEach(({ skip }) => skip(server === undefined, reason));
  afterAll(() => server?.stop());
  return () => server!;
}
