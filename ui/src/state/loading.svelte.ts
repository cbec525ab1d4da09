/** The state of something that is read: said to be loading only after 150 ms, so that the usual case does not flash. */
const SAY_AFTER_MS = 150;

export class Loading {
  /** A skeleton is due. */
  slow = $state(false);
  busy = $state(false);
  failure = $state.raw<unknown>(null);
  /** Was read at least once. */
  done = $state(false);

  /** Runs a reading; what it throws becomes `failure`. Returns whether it succeeded. */
  async run(read: () => Promise<void>): Promise<boolean> {
    this.busy = true;
    this.failure = null;
    const timer = setTimeout(() => {
      this.slow = true;
    }, SAY_AFTER_MS);
    try {
      await read();
      this.done = true;
      return true;
    } catch (failure) {
      this.failure = failure ?? {};
      return false;
    } finally {
      clearTimeout(timer);
      this.slow = false;
      this.busy = false;
    }
  }
}
