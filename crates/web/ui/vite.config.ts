import { gzipSync } from 'node:zlib';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

// `NEPHOSCOPE_URL` names the server that `npm run dev` asks; by default the stand-in of `npm run mock`.
const server = process.env.NEPHOSCOPE_URL ?? 'http://127.0.0.1:8471';

export default defineConfig({
  plugins: [svelte(), budget()],
  build: { target: 'es2022', sourcemap: false, chunkSizeWarningLimit: 600, reportCompressedSize: false },
  server: { host: '127.0.0.1', proxy: { '/api': server, '/receiver': server } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});

/** Fails the build when it is heavier than promised: 90 kB at first, 200 kB with the editor, packed. */
function budget(): Plugin {
  return {
    name: 'budget',
    apply: 'build',
    generateBundle(_options, bundle) {
      let first = 0;
      let all = 0;
      for (const file of Object.values(bundle)) {
        const size = gzipSync(file.type === 'chunk' ? file.code : file.source).length;
        all += size;
        if (file.type === 'asset' || file.isEntry) first += size;
      }
      const said = `first load ${Math.round(first / 1000)} kB, all ${Math.round(all / 1000)} kB`;
      if (first > 90_000 || all > 200_000) this.error(`the build is too heavy: ${said}`);
      this.info(said);
    },
  };
}
