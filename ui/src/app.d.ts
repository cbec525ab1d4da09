declare global {
  interface Window {
    /** There when the page runs inside the desktop app. */
    __TAURI_INTERNALS__?: unknown;
  }
}

export {};
