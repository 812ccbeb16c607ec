/**
 * Work that this engine does one piece after another, by key: what waits here asks nobody meanwhile. A piece that fails does not keep the next one back.
 *
 * @example
 * const turns = new OneAtATime();
 * const [first, second] = await Promise.all([turns.run("dut", measureIdle), turns.run("dut", measureLoaded)]);
 */
export class OneAtATime {
  readonly #last = new Map<string, Promise<unknown>>();

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const own = (this.#last.get(key) ?? Promise.resolve()).then(work);
    this.#last.set(
      key,
      own.catch(() => undefined),
    );
    return own;
  }
}
