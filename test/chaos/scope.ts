/** What was opened, to be closed in reverse; stands in for a test where helpers of the tests ask for one. */
export class Scope {
  readonly #closers: (() => unknown)[] = []

  teardown(close: () => unknown): void {
    this.#closers.push(close)
  }

  async close(): Promise<void> {
    for (const close of this.#closers.reverse()) await close()
  }
}
