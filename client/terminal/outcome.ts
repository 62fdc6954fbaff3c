// How a command ends: its exit code, and its message for a failure.
import { CALLER_ERRORS } from '../../contracts/failures.ts';

/** Exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, callerMustAct: 2, awaitsApproval: 3, interrupted: 130 } as const;

/** A failure as a person should read it: what went wrong at the root, and whose turn it is. */
export interface CommandOutcome {
  exitCode: number;
  message: string;
}

/** The root of a failure, which a workflow wraps: WorkflowFailedError → ActivityFailure → ApplicationFailure. */
export function outcomeOf(error: unknown): CommandOutcome {
  let root: unknown = error;
  for (let next = root; next instanceof Error; next = next.cause) {
    root = next;
    // By its name, which the SDK sets too: an error must not load the SDK.
    if (next.name === 'CancelledFailure')
      return { exitCode: EXIT.interrupted, message: 'the run was cancelled; what it has done is kept' };
    // The first error whose kind is known says it best; deeper causes are its details.
    if (('type' in next && typeof next.type === 'string') || isCallerError(next.constructor.name)) break;
  }
  if (!(root instanceof Error)) return { exitCode: EXIT.failed, message: String(root) };
  const { code = '', path } = root as NodeJS.ErrnoException;
  if (Object.hasOwn(FILE_PROBLEMS, code) && path !== undefined)
    return { exitCode: EXIT.callerMustAct, message: `"${path}": ${FILE_PROBLEMS[code]} (${code})` };
  const kind = 'type' in root && typeof root.type === 'string' ? root.type : root.constructor.name;
  return { exitCode: isCallerError(kind) ? EXIT.callerMustAct : EXIT.failed, message: root.message };
}

/** What people can mend about a file that a command names. */
const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'file or folder must exist, got none',
  ENOTDIR: 'must lie in a folder, got a file above it',
  EISDIR: 'must be a file, got a folder',
  EEXIST: 'must be a folder, got a file',
  EACCES: 'must be allowed to be read and written, got no permission',
  EPERM: 'must be allowed to be read and written, got no permission',
  EMFILE: 'must be opened, got too many open files; allow more: ulimit -n 4096',
  ENFILE: 'must be opened, got too many open files on this machine',
  EROFS: 'must be on a disk that can be written, got one that cannot',
};

function isCallerError(kind: string): boolean {
  return CALLER_ERRORS.some((name) => name === kind);
}
