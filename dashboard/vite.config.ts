import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The server that `npm run dev` asks: where `make run` serves.
const server = process.env.HOOKLINE_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react()],
  // The server puts a new nonce in this word's place in every answer.
  html: { cspNonce: 'HOOKLINE_CSP_NONCE' },
  build: {
    target: ['chrome123', 'firefox121', 'safari17.5'],
    // Everything is a file of its own: the content security policy allows no data: URLs but for images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Empties dist; public/.gitkeep puts back the file that keeps the folder in the repository, for the Go package to embed.
    emptyOutDir: true,
    chunkSizeWarningLimit: 600,
  },
  server: { proxy: { '/graphql': { target: server, ws: true, changeOrigin: true, rewriteWsOrigin: true } } },
  test: { include: ['src/**/*.test.ts'] },
});
