/** Does `work` with each number below `count`, so many at a time. */
export async function atOnce(
  lanes: number,
  count: number,
  work: (n: number) => Promise<unknown>
): Promise<void> {
  let begun = 0
  const lane = async () => {
    while (begun < count) await work(begun++)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}
