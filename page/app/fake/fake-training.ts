// A made-up run whose trainings are at work: second by second they get further.
import type { Curve, StageAtWork } from '../../api.ts';

/** Steps of each training, and how many a second does. */
const STEPS = 700;
const STEPS_A_SECOND = 6;
const BATCH = 16;

/** A training up to a step, as the server thins them; null for a whole one. */
export function fakeCurve(name: string, stepCount: number, rate: number, doneCount: number | null = null): Curve {
  const floor = name === 'warmup' ? 0.8 : name === 'tive' ? 0.95 : 1.1;
  const steps = Array.from({ length: doneCount ?? stepCount }, (_, step) => step);
  return {
    name,
    steps,
    losses: steps.map((step) => floor + 1.6 * Math.exp(-step / 60) + 0.08 * Math.sin(step * step)),
    learningRates: steps.map(
      (step) => rate * Math.min((step + 1) / 10, 0.5 + 0.5 * Math.cos((Math.PI * step) / stepCount)),
    ),
    stepCount: doneCount === null ? null : stepCount,
  };
}

/** What is in work after so many seconds; it stands still before its end. */
export function fakeTraining(seconds: number): { curves: Curve[]; atWork: StageAtWork[]; secondsLeft: number } {
  const done = Math.min(STEPS - 1, 320 + STEPS_A_SECOND * seconds);
  const other = Math.min(STEPS - 1, 230 + STEPS_A_SECOND * seconds);
  const left = Math.ceil((STEPS - other) / STEPS_A_SECOND);
  return {
    curves: [
      fakeCurve('warmup', 288, 2e-4),
      fakeCurve('tive', STEPS, 1e-4, done),
      fakeCurve('random', STEPS, 1e-4, other),
    ],
    atWork: [
      {
        stage: 'finetune',
        share: (done + other) / STEPS / 2,
        doneCount: done + other,
        totalCount: 2 * STEPS,
        rowsPerSecond: 2 * STEPS_A_SECOND * BATCH,
        secondsLeft: left,
      },
      {
        stage: 'evaluation',
        share: 0.22,
        doneCount: 3300,
        totalCount: 5000,
        rowsPerSecond: 288,
        secondsLeft: null,
      },
    ],
    secondsLeft: left + 264,
  };
}
