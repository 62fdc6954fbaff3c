// Where a run departs from the paper and its code.

/** Where a run differs from the paper and the released code in a way that can change which rows are chosen. */
export const DEPARTURES: readonly string[] = [
  'Lambda is 3 by default. The released code uses 0.001, at which the choice inside a task is uniform random.',
  'Quotas are rounded to the budget by largest remainders. The released code rounds each down and loses up to one row a task.',
  'A quota above the rows of a task is capped and the rest goes to other tasks. The released code repeats the task without limit; allocation.overflow: repeat does so too.',
  'The budget is a share of the usable rows of eligible tasks. The released code takes it of all rows, excluded tasks too; allocation.budget_base: all does so too.',
  'Rows are drawn by named random streams over row contents. The released code draws by NumPy’s unseeded choice: the same law, other draws.',
  'Gradients are taken in float32 and summed exactly. The released code takes them in half precision without loss scaling.',
  'The default projection is sparse and scaled. The released projector has dense, unscaled entries of ±1; gradients.projection: rademacher is dense too.',
  'Warm-up rows are drawn with equal quotas that are capped at what a task has. The released code fails on a smaller task.',
  'Rows whose answer is masked or cut away, or whose loss or gradient is not finite, are set aside. In the released code they count with norm 0 or spoil every quota.',
  'The first step of training has a learning rate above 0. The schedule of the released code starts at 0 and does nothing in its first step.',
];
