/** Everything that comes from one port to another: P is a name, or an output that will be one. */
export interface Steered<P> {
  /** What comes from here. */
  readonly match: {
    /** The port that it came in by. */
    readonly inPort: P;
  };
  /** Goes there. */
  readonly actions: readonly [
    {
      /** It is sent on as it is. */
      readonly kind: "output";
      /** The port that it is sent to. */
      readonly port: P;
    },
  ];
}

function steer<P>(from: P, to: P): Steered<P> {
  return { match: { inPort: from }, actions: [{ kind: "output", port: to }] };
}

/**
 * Flows that join two ports, both ways.
 *
 * @example
 * const flows = crossConnect("phy0", "phy1");
 */
export function crossConnect<P>(a: P, b: P): [there: Steered<P>, back: Steered<P>] {
  return [steer(a, b), steer(b, a)];
}

/**
 * Flows of a chain of functions, both ways: its ports in the order in which packets pass them, two for each function between the first and the last.
 * PVP is `chain("phy0", "vnf0", "vnf1", "phy1")`, and two functions have four ports between the ends.
 *
 * @throws RangeError for an odd number of ports, or one that is named twice
 * @example
 * const flows = chain("phy0", "vnf0", "vnf1", "phy1");
 */
export function chain<P>(...ports: readonly P[]): Steered<P>[] {
  if (ports.length < 2 || ports.length % 2 === 1)
    throw new RangeError(
      `a chain goes in and out of each function: observed ${ports.length} ports, expected an even number of two or more`,
    );
  const twice = ports.find((port, index) => ports.indexOf(port) !== index);
  if (twice !== undefined)
    throw new RangeError(`observed port ${String(twice)} twice in a chain, expected each once`);
  return Array.from({ length: ports.length / 2 }, (_, link) =>
    crossConnect(ports[2 * link] as P, ports[2 * link + 1] as P),
  ).flat();
}
