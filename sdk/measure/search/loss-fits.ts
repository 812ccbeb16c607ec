import { logErfc, logIntegralOfErfc, logOneMinusExp, logSoftplus, softplus } from "./log-arithmetic.ts";

/** Logarithm of the frames that are lost in a second on average, by those that are offered. */
export type LogLoss = (loadPps: number) => number;

/**
 * A curve of loss by load, of two parameters. Loss grows with the load, is next to nothing far below `mrr`, and all that is beyond `mrr` far above it.
 *
 * @param mrr frames per second that come through at most
 * @param spread over how many frames per second the device goes from the one to the other
 */
export type LossFit = (mrr: number, spread: number) => LogLoss;

/** The integral up to the load of 1 / (1 + e^((mrr - x) / spread)): below `mrr` its loss falls as an exponential. */
export const stretchFit: LossFit = (mrr, spread) => {
  const [scale, atNone] = [Math.log(spread), softplus(-mrr / spread)];
  // Of the difference of two softplus, at the load and at 0, the logarithm of what is in the logarithm.
  return (loadPps) =>
    scale + logSoftplus((loadPps - mrr) / spread + logOneMinusExp(loadPps / spread) - atNone);
};

/** The integral up to the load of a normal distribution about `mrr`: below it its loss falls faster than any exponential. */
export const erfFit: LossFit = (mrr, spread) => {
  const none = mrr / spread;
  const [atNone, slope] = [logIntegralOfErfc(none), logErfc(none)];
  const scale = Math.log(spread / 2);
  return (loadPps) => {
    const at = logIntegralOfErfc((mrr - loadPps) / spread);
    const difference = at - atNone;
    // Of a load that is nothing beside the spread the difference is lost to rounding, and the curve is straight.
    return scale + (difference > 0 ? at + logOneMinusExp(difference) : Math.log(loadPps / spread) + slope);
  };
};
