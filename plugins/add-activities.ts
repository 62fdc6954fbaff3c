// Activities of a plugin beside the worker's own.

/** Merges a plugin's activities into the worker's own; @throws TypeError where a name is taken. */
export function addActivities(mine: object): (existing?: object) => object {
  return (existing = {}) => {
    const twice = Object.keys(mine).filter((name) => name in existing);
    if (twice.length > 0) {
      throw new TypeError(
        `addActivities: names must be unique, registered twice: ${twice.join(', ')} (was the plugin passed to both the connection and the worker?)`,
      );
    }
    return { ...existing, ...mine };
  };
}
