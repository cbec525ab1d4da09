/** Chooses the backend of the place that this page runs in. */
import { tauriBackend } from './tauri';
import type { Backend } from './types';
import { webBackend } from './web';

export function createBackend(): Backend {
  return window.__TAURI_INTERNALS__ === undefined ? webBackend() : tauriBackend();
}
