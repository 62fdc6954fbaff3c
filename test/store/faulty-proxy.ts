import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What goes wrong with a request. */
export type Fault =
  /** Answers with an error and does not ask the server. */
  | { kind: 'refuse'; status: number; code: string }
  /** Breaks the connection after so many bytes of the answer's body. */
  | { kind: 'cut-answer'; afterBytes: number }
  /** Breaks the connection after so many bytes of the request's body. */
  | { kind: 'cut-upload'; afterBytes: number }
  /** The server does what is asked, but its answer is lost. */
  | { kind: 'lose-answer' }
  | { kind: 'delay'; delayMs: number };

/** Faults for requests of a kind. */
export interface Rule {
  /** Which requests: method, path and query, and the `range` header. */
  when(seen: SeenRequest): boolean;
  /** How often. */
  times: number;
  fault: Fault;
}

export interface SeenRequest {
  method: string;
  url: string;
  range: string | undefined;
}

/** A proxy in front of a server, which breaks what it is told to. */
export interface FaultyProxy {
  endpoint: string;
  /** Requests so far, in order. */
  seen: SeenRequest[];
  /** Adds a rule; the first that matches and is not used up counts. */
  break(rule: Rule): void;
  /** Forgets rules and requests. */
  reset(): void;
  stop(): Promise<void>;
}

export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const rules: Rule[] = [];
  const seen: SeenRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    const asked = { method: incoming.method!, url: incoming.url!, range: incoming.headers.range };
    seen.push(asked);
    const rule = rules.find(({ times, when }) => times > 0 && when(asked));
    if (rule !== undefined) rule.times -= 1;
    void answer(target, incoming, outgoing, rule?.fault ?? null);
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    break: (rule) => void rules.push({ ...rule }),
    reset: () => {
      rules.length = 0;
      seen.length = 0;
    },
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  target: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: Fault | null,
): Promise<void> {
  const broken = (): void => void outgoing.destroy();
  if (fault?.kind === 'refuse') {
    incoming.resume();
    outgoing.writeHead(fault.status, { 'content-type': 'application/xml' });
    outgoing.end(`<Error><Code>${fault.code}</Code><Message>made by the proxy</Message></Error>`);
    return;
  }
  if (fault?.kind === 'delay') await sleep(fault.delayMs);
  const headers = { ...incoming.headers };
  delete headers.expect;
  const forward = request(target + incoming.url!, { method: incoming.method!, headers, agent: false });
  forward.once('error', broken);
  forward.once('response', (response) => {
    response.once('error', broken);
    if (fault?.kind === 'lose-answer') return response.resume().once('end', broken);
    outgoing.writeHead(response.statusCode!, response.headers);
    if (fault?.kind !== 'cut-answer') return response.pipe(outgoing);
    outgoing.flushHeaders();
    return cut(response, fault.afterBytes, (bytes) => outgoing.write(bytes), broken);
  });
  if (fault?.kind !== 'cut-upload') return void incoming.pipe(forward);
  cut(
    incoming,
    fault.afterBytes,
    (bytes) => forward.write(bytes),
    () => {
      forward.destroy();
      broken();
    },
  );
}

/** Passes so many bytes on, then ends. */
function cut(source: IncomingMessage, afterBytes: number, pass: (bytes: Buffer) => void, end: () => void): void {
  let left = afterBytes;
  const pieces = async (): Promise<void> => {
    for await (const piece of source as AsyncIterable<Buffer>) {
      if (left > 0) pass(piece.subarray(0, left));
      left -= piece.length;
      // Bytes that were passed on are sent before the connection ends.
      if (left <= 0) break;
    }
    await sleep(20);
    end();
  };
  void pieces().catch(end);
}
