/** The state of something that is read: said to be loading only after 150 ms, so that the usual case does not flash. */
const SAY_AFTER_MS = 150;

export class Loading {
  /** A skeleton is due. */
  slow = $state(false);
  busy = $state(false);
  failure = $state.raw<unknown>(null);
  /** Was read at least once. */
  done = $state(false);
  #newest = 0;
  #read: (isNewest: () => boolean) => Promise<void> = () => Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * Runs a reading; what it throws becomes `failure`. Returns whether it succeeded. Only the newest run counts: an
   * older one that still goes on is told so by `isNewest`, and changes nothing here.
   */
  async run(read: (isNewest: () => boolean) => Promise<void>): Promise<boolean> {
    this.#read = read;
    const run = ++this.#newest;
    const isNewest = () => run === this.#newest;
    this.busy = true;
    this.failure = null;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.slow = true;
    }, SAY_AFTER_MS);
    let failure: unknown = null;
    try {
      await read(isNewest);
    } catch (reason) {
      failure = reason ?? {};
    }
    if (!isNewest()) return false;
    clearTimeout(this.#timer);
    this.slow = false;
    this.busy = false;
    this.failure = failure;
    if (failure === null) this.done = true;
    return failure === null;
  }

  /** Tries again what failed. */
  again(): Promise<boolean> {
    return this.run(this.#read);
  }
}
