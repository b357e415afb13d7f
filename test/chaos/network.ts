/** What lies between the apps and Redis. */
export interface Network {
  readonly name: string
  /** Where Redis listens. */
  readonly host: string
  /** What a command line of Redis begins with, so that it runs at its end. */
  readonly prefix: readonly string[]
  /** Where the apps find a Redis that listens at `port`. */
  address(port: number): Promise<string>
  /** From now on no packet arrives. */
  drop(): void
  /** From now on Redis is heard no more, but hears. */
  dropAnswers(): void
  /** The connections from these ports are dead, though neither end knows: half-open. New ones work. */
  strand(ports: readonly number[]): void
  /** All is as before; what was half-open stays so. */
  heal(): void
}
