// Student's t distribution: quantiles and tail probabilities.

const BISECTION_STEPS = 200;
const FRACTION_STEPS = 300;
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/**
 * Two-sided quantile of Student's t: the t with P(|T| ≤ t) = confidence, to about 10 digits.
 *
 * @param degreesOfFreedom ≥ 1.
 * @param confidence in (0, 1), e.g. 0.95; 7 degrees of freedom give 2.36462.
 * @throws RangeError outside these ranges.
 */
export function studentTQuantile(degreesOfFreedom: number, confidence: number): number {
  if (!(degreesOfFreedom >= 1) || !(confidence > 0 && confidence < 1)) {
    const got = `${degreesOfFreedom} and ${confidence}`;
    throw new RangeError(`student t: degrees of freedom must be ≥ 1 and confidence in (0, 1), got ${got}`);
  }
  // P(|T| > t) = I_x(ν/2, 1/2) at x = ν/(ν + t²), which grows with x.
  let low = 0;
  let high = 1;
  for (let step = 0; step < BISECTION_STEPS; step += 1) {
    const middle = (low + high) / 2;
    if (incompleteBeta(middle, degreesOfFreedom / 2, 0.5) < 1 - confidence) low = middle;
    else high = middle;
  }
  return Math.sqrt((degreesOfFreedom * (1 - high)) / high);
}

/**
 * P(|T| ≥ |t|) of Student's t: the two-sided p-value of a statistic. t = ±∞ gives 0.
 *
 * @param degreesOfFreedom ≥ 1.
 * @throws RangeError below that, and where t is not a number.
 */
export function studentTTail(t: number, degreesOfFreedom: number): number {
  if (!(degreesOfFreedom >= 1) || Number.isNaN(t)) {
    const got = `${degreesOfFreedom} and ${t}`;
    throw new RangeError(`student t: degrees of freedom must be ≥ 1 and t a number, got ${got}`);
  }
  return incompleteBeta(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5);
}

/** Regularised incomplete beta function I_x(a, b), by its continued fraction. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const front = Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b));
  // The fraction converges quickly on the left of the mean; mirror the rest.
  if (x > (a + 1) / (a + b + 2)) return 1 - (front * betaFraction(1 - x, b, a)) / b;
  return (front * betaFraction(x, a, b)) / a;
}

/** Continued fraction of I_x(a, b) by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const awayFromZero = (value: number): number => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let numerator = 1;
  let denominator = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1));
  let fraction = denominator;
  for (let m = 1; m <= FRACTION_STEPS; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let factor = 1;
    for (const coefficient of [even, odd]) {
      denominator = 1 / awayFromZero(1 + coefficient * denominator);
      numerator = awayFromZero(1 + coefficient / numerator);
      factor = denominator * numerator;
      fraction *= factor;
    }
    if (Math.abs(factor - 1) < 1e-15) break;
  }
  return fraction;
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/** ln Γ(x) for x ≥ 0.5, by Lanczos' series. */
function logGamma(x: number): number {
  const shifted = x - 1;
  const base = shifted + 7.5;
  const series = LANCZOS.reduce(
    (sum, coefficient, index) => (index === 0 ? coefficient : sum + coefficient / (shifted + index)),
    0,
  );
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(base) - base + Math.log(series);
}
