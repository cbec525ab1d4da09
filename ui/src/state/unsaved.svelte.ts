/** Changes that are not saved yet: the person is asked before they are lost. */
import { tick } from 'svelte';

export class UnsavedChanges {
  /** What is done once the changes are discarded; `null`: nothing is asked. */
  #leave = $state.raw<(() => void) | null>(null);
  readonly #forms = new Set<() => boolean>();
  /** What had the focus before the question. */
  #focused: Element | null = null;

  get asks(): boolean {
    return this.#leave !== null;
  }

  /** Adds a form. Returns what has to be called when the form is gone. */
  watch(isChanged: () => boolean): () => void {
    this.#forms.add(isChanged);
    return () => {
      this.#forms.delete(isChanged);
      this.#leave = null;
    };
  }

  /** Whether nothing would be lost. If something would be, asks, and calls `leave` once it is discarded. */
  mayLeave(leave: () => void): boolean {
    if (this.asks) {
      this.keep();
      return false;
    }
    if (![...this.#forms].some((isChanged) => isChanged())) return true;
    this.#focused = document.activeElement;
    this.#leave = leave;
    return false;
  }

  /** Calls `leave`: at once where nothing would be lost, else once the changes are discarded. */
  leave(leave: () => void): void {
    if (this.mayLeave(leave)) leave();
  }

  discard(): void {
    const leave = this.#leave;
    this.#leave = null;
    leave?.();
  }

  /** Back to the form, to where the focus was. */
  keep(): void {
    if (!this.asks) return;
    this.#leave = null;
    const focused = this.#focused;
    void tick().then(() => {
      if (focused instanceof HTMLElement && focused.isConnected) focused.focus();
    });
  }
}
