// Rows by their tasks.

/** Positions of each task, ascending. @throws RangeError where a task index has no task */
export function groupByTask(taskIndex: Uint32Array, taskCount: number): Uint32Array[] {
  const counts = new Uint32Array(taskCount);
  for (const task of taskIndex) {
    if (task >= taskCount) throw new RangeError(`selection: task index must be below ${taskCount}, got ${task}`);
    counts[task]! += 1;
  }
  const groups = Array.from(counts, (count) => new Uint32Array(count));
  const filled = new Uint32Array(taskCount);
  taskIndex.forEach((task, position) => {
    groups[task]![filled[task]!] = position;
    filled[task]! += 1;
  });
  return groups;
}
