/** Steps that the narrowest width is divided into: loads nearer to each other than that are not told apart. */
const STEPS_PER_WIDTH = 4;

/** Loads in equal ratios below the highest, the lowest of all at index 0. */
export interface Grid {
  /** Index of the highest load. */
  readonly last: number;
  load(index: number): number;
  /** Where a load would be; not whole, and beyond the grid where the load is. */
  at(loadPps: number): number;
  /** Steps that two bounds may be apart: at least one. */
  steps(width: number): number;
}

export function gridOf(minLoadPps: number, maxLoadPps: number, narrowest: number): Grid {
  const step = -Math.log1p(-narrowest) / STEPS_PER_WIDTH;
  const last = Math.ceil(Math.log(maxLoadPps / minLoadPps) / step);
  return {
    last,
    load: (index) =>
      index === last ? maxLoadPps : Math.max(minLoadPps, maxLoadPps * Math.exp((index - last) * step)),
    at: (loadPps) => last + Math.log(loadPps / maxLoadPps) / step,
    // A hair of tolerance: four steps are the narrowest width, whatever their logarithms round to.
    steps: (width) => Math.max(1, Math.floor(-Math.log1p(-width) / step + 1e-9)),
  };
}
