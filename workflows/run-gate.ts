// Where workflows wait for people: pause and approval.
import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
} from '@temporalio/workflow';
import { APPROVE_UPDATE, GATE_QUERY, PAUSE_SIGNAL, QUOTAS_QUERY, RESUME_SIGNAL } from '../contracts/gate.ts';
import type { GateState } from '../contracts/gate.ts';
import type { AllocationResult } from '../contracts/messages/selection.ts';

const pauseSignal = defineSignal(PAUSE_SIGNAL);
const resumeSignal = defineSignal(RESUME_SIGNAL);
const approveUpdate = defineUpdate(APPROVE_UPDATE);
const gateQuery = defineQuery<GateState>(GATE_QUERY);
const quotasQuery = defineQuery<AllocationResult['tasks'] | null>(QUOTAS_QUERY);

/** Whether a workflow is paused, by its signals. */
export class PauseSwitch {
  isPaused: boolean;
  /** Whether it has ever been. */
  wasPaused: boolean;

  /** @param isPaused as the workflow was before it continued as new */
  constructor(isPaused = false) {
    this.isPaused = isPaused;
    this.wasPaused = isPaused;
    setHandler(pauseSignal, () => void (this.isPaused = this.wasPaused = true), { description: 'Begin nothing new.' });
    setHandler(resumeSignal, () => void (this.isPaused = false), { description: 'Go on.' });
  }
}

/** Where a run waits for a person: while it is paused, and for the approval of its allocation. */
export class RunGate {
  readonly #switch = new PauseSwitch();
  #awaitsApproval = false;
  #quotas: AllocationResult['tasks'] | null = null;

  constructor() {
    setHandler(gateQuery, () => ({ isPaused: this.#switch.isPaused, awaitsApproval: this.#awaitsApproval }), {
      description: 'Whether the run is paused, or waits for an approval.',
    });
    setHandler(quotasQuery, () => (this.#awaitsApproval ? this.#quotas : null), {
      description: 'Quotas that wait for an approval.',
    });
    setHandler(approveUpdate, () => void (this.#awaitsApproval = false), {
      description: 'Approve of the allocation.',
      validator: () => {
        if (this.#awaitsApproval) return;
        throw ApplicationFailure.nonRetryable('approve: run must wait for an approval, got none asked', 'RangeError');
      },
    });
  }

  get wasPaused(): boolean {
    return this.#switch.wasPaused;
  }

  /** Passes at once, or when the run is resumed. */
  async pass(): Promise<void> {
    if (this.#switch.isPaused) await condition(() => !this.#switch.isPaused);
  }

  /** Passes when somebody has approved of the quotas. */
  async approval(quotas: AllocationResult['tasks']): Promise<void> {
    this.#quotas = quotas;
    this.#awaitsApproval = true;
    await condition(() => !this.#awaitsApproval);
  }
}
