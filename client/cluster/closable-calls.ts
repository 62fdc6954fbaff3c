// Calls of a connection that may be closed while one waits to be tried again.
import { InterceptingCall, Metadata, status } from '@grpc/grpc-js';
import type { Interceptor } from '@grpc/grpc-js';
import { defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';

/** Interceptors of a connection, and what to call when it closes. */
export interface ClosableCalls {
  interceptors: Interceptor[];
  /** From here on no call is tried again; one that waits for it ends as cancelled. */
  close(): void;
}

/**
 * The client's own retries. A timer of theirs that fires on a closed channel throws where nobody can catch it, which
 * ends the process: such a call gets no channel any more.
 */
export function closableCalls(): ClosableCalls {
  let isClosed = false;
  const retries = defaultGrpcRetryOptions();
  const retry = makeGrpcRetryInterceptor({
    ...retries,
    retryableDecider: (attempt, answer) => !isClosed && retries.retryableDecider(attempt, answer),
  });
  const unlessClosed: Interceptor = (options, nextCall) =>
    isClosed ? cancelledCall() : new InterceptingCall(nextCall(options));
  return { interceptors: [retry, unlessClosed], close: () => void (isClosed = true) };
}

function cancelledCall(): InterceptingCall {
  const nothing = (): void => undefined;
  return new InterceptingCall({
    start: (_, listener) =>
      listener?.onReceiveStatus?.({
        code: status.CANCELLED,
        details: 'the connection is closed',
        metadata: new Metadata(),
      }),
    cancelWithStatus: nothing,
    getPeer: () => '',
    sendMessageWithContext: nothing,
    sendMessage: nothing,
    startRead: nothing,
    halfClose: nothing,
    getAuthContext: () => null,
  });
}
