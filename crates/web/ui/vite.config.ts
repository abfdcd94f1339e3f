import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// `NEPHOSCOPE_URL` names the server that `npm run dev` asks; by default the stand-in of `npm run mock`.
const server = process.env.NEPHOSCOPE_URL ?? 'http://127.0.0.1:8471';

export default defineConfig({
  plugins: [svelte()],
  build: { target: 'es2022', sourcemap: false, chunkSizeWarningLimit: 600, reportCompressedSize: false },
  server: { host: '127.0.0.1', proxy: { '/api': server, '/receiver': server } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
