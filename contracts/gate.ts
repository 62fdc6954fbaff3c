// How a run is paused, resumed and approved: state, signals, update, query.

/** What holds a run up by a person's will. */
export interface GateState {
  /** Nothing new begins until the run is resumed. */
  isPaused: boolean;
  /** The allocation is made, and somebody must approve of it. */
  awaitsApproval: boolean;
}

/** Names of the messages by which a person holds a run. */
export const PAUSE_SIGNAL = 'pause';
export const RESUME_SIGNAL = 'resume';
export const APPROVE_UPDATE = 'approve';
export const GATE_QUERY = 'gate';
/** Quotas by task that wait for an approval; null where none do. */
export const QUOTAS_QUERY = 'quotas';
