/**
 * Numbers many orders of magnitude apart by their natural logarithms: what one frame in a week is to fourteen million a second is lost to rounding otherwise, and what is less overflows. No function here
 * gives NaN or overflows for finite arguments; the logarithm of nothing is -Infinity.
 */

const LOG_2 = Math.log(2);
const SQRT_PI = Math.sqrt(Math.PI);

/** log(e^a + e^b) */
export function logPlus(a: number, b: number): number {
  const [more, less] = a >= b ? [a, b] : [b, a];
  return less === -Infinity ? more : more + Math.log1p(Math.exp(less - more));
}

/** log(1 - e^-x) of x >= 0. Both ways of computing it are exact on their side of log 2. */
export function logOneMinusExp(x: number): number {
  return x <= LOG_2 ? Math.log(-Math.expm1(-x)) : Math.log1p(-Math.exp(-x));
}

/** log(1 + e^x) */
export function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

/** log(log(1 + e^x)), which is x itself where e^x is too little to be seen beside 1. */
export function logSoftplus(x: number): number {
  return x < -37 ? x : Math.log(softplus(x));
}

/** Below it the error function is summed up as a series, above it as a continued fraction. */
const SERIES_BELOW = 2.5;

/** log erfc(x), the complement of the error function: exact far into its tail. */
export function logErfc(x: number): number {
  if (x < -SERIES_BELOW) return LOG_2 + Math.log1p(-Math.exp(logErfc(-x)) / 2);
  if (x < SERIES_BELOW) return Math.log(1 - erfSeries(x));
  return -x * x - Math.log(SQRT_PI * (x + tail(x)));
}

/** Logarithm of the integral of erfc from x to infinity: e^(-x²)/√π - x·erfc(x). */
export function logIntegralOfErfc(x: number): number {
  if (x >= SERIES_BELOW) {
    // Of the two parts, which are nearly the same there, only the difference is computed.
    const rest = tail(x);
    return -x * x - Math.log(SQRT_PI) + Math.log(rest / (x + rest));
  }
  const erfc = x < -SERIES_BELOW ? 2 - Math.exp(logErfc(-x)) : 1 - erfSeries(x);
  return Math.log(Math.exp(-x * x) / SQRT_PI - x * erfc);
}

/** The error function by the series whose terms all have one sign: 2/√π·e^(-x²)·(x + 2x³/3 + 4x⁵/15 + …). */
function erfSeries(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / SQRT_PI) * Math.exp(-x * x) * sum;
}

/** What makes √π·e^(x²)·erfc(x) = 1 / (x + tail): the continued fraction (1/2)/(x + 1/(x + (3/2)/(x + …))), from its end. */
function tail(x: number): number {
  let value = 0;
  for (let n = Math.ceil(12 + 320 / (x * x)); n >= 1; n -= 1) value = n / 2 / (x + value);
  return value;
}
