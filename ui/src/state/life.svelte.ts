/** All that was read since the last resync, and those who read on. A resync makes another one beside it. */
import type { Backend } from '../backend/types';
import { emptyDesk, type Desk } from './desk';
import { Pages } from './pages';
import { Reader } from './reader.svelte';
import { ThreadReader } from './threads.svelte';

export class Life {
  desk = $state.raw<Desk>(emptyDesk);
  readonly reader: Reader;
  readonly threadReader: ThreadReader;

  /** `over`: the database has begun another life. */
  constructor(backend: Backend, over: (life: Life) => void) {
    const pages = new Pages(backend, this, () => over(this));
    this.reader = new Reader(pages, this);
    this.threadReader = new ThreadReader(pages, this);
  }
}
