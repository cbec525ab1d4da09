// Runs in the window before the page does.
(() => {
  // The web view's own menu has Back and Reload. It stays where it helps: for text that is edited or selected (cut, copy,
  // paste, spelling) and for links.
  addEventListener(
    'contextmenu',
    (event) => {
      const target = event.target instanceof Element ? event.target : null;
      const isUseful = target?.closest('input, textarea, [contenteditable], a[href]') || !getSelection()?.isCollapsed;
      if (!isUseful) {
        event.preventDefault();
      }
    },
    true,
  );

  // Ctrl (Command on a Mac) with + − 0, as in a browser. With a Shift that the keyboard's layout needs for +.
  const changes = { '+': 'larger', '=': 'larger', '-': 'smaller', '0': 'normal' };
  addEventListener(
    'keydown',
    (event) => {
      const change = changes[event.key];
      if (change && (event.ctrlKey || event.metaKey) && !event.altKey) {
        event.preventDefault();
        event.stopPropagation();
        window.__TAURI_INTERNALS__.invoke('zoom', { change });
      }
    },
    true,
  );
})();
