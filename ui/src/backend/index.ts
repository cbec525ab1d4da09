/** Chooses the backend of the place that this page runs in. */
import { tauriBackend } from './tauri';
import type { Backend } from './types';

/** The one for browsers is a large part of the page's code, so only browsers load it. */
export async function createBackend(): Promise<Backend> {
  if (window.__TAURI_INTERNALS__ !== undefined) return tauriBackend();
  const { webBackend } = await import('./web');
  return webBackend();
}
