/** Whether a text is longer than so many bytes. UTF-8 takes 3 at most for each `length`, so that short ones need no counting. */
export const exceeds = (text: string | Buffer, bytes: number): boolean =>
  text.length * 3 > bytes && Buffer.byteLength(text) > bytes
