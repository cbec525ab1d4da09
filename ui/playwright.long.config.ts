import { defineConfig } from '@playwright/test';
import short from './playwright.config';

/** What `make attacks` does with a browser. */
export default defineConfig(short, {
  testMatch: '*.long.ts',
  timeout: 120_000,
  use: {
    ignoreHTTPSErrors: true,
    launchOptions: {
      ...short.use?.launchOptions,
      args: [...(short.use?.launchOptions?.args ?? []), '--host-resolver-rules=MAP desk.hotel.example 127.0.0.1'],
    },
  },
});
