import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [svelte()],
  // A proxy may serve the page below a path of its own: everything is named relative to the page.
  base: './',
  build: {
    // Tauri's oldest webview (WebKitGTK 2.42 on Ubuntu 22.04) and the browsers of the same age.
    target: ['safari16.4', 'chrome111', 'firefox115'],
    // The content security policy takes neither inline scripts nor data: URLs for anything but images.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 600,
  },
});
