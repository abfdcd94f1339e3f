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

/** What a page may weigh, packed: without the editor, and with everything that the search page loads. */
const FIRST_BYTES_MAX = 90_000;
const WITH_EDITOR_BYTES_MAX = 200_000;

/** Fails the build when a page is heavier than promised. */
function budget(): Plugin {
  return {
    name: 'budget',
    apply: 'build',
    generateBundle(_options, bundle) {
      const files = Object.values(bundle);
      const chunks = files.filter((file) => file.type === 'chunk');
      const packed = (name: string) => {
        const file = bundle[name];
        return file ? gzipSync(file.type === 'chunk' ? file.code : file.source).length : 0;
      };
      /** The files that come with a chunk. */
      const together = (name: string, known = new Set<string>()): Set<string> => {
        const chunk = chunks.find((one) => one.fileName === name);
        if (!chunk || known.has(name)) return known;
        known.add(name);
        for (const style of chunk.viteMetadata?.importedCss ?? []) known.add(style);
        for (const other of chunk.imports) together(other, known);
        return known;
      };
      const weight = (names: string[]) => [...new Set(names.flatMap((name) => [...together(name)]))].reduce((sum, name) => sum + packed(name), 0);
      const entry = chunks.filter((chunk) => chunk.isEntry).map((chunk) => chunk.fileName);
      const lazy = chunks.filter((chunk) => chunk.isDynamicEntry);
      const isEditor = (id: string | null) => id?.includes('/editor/') ?? false;
      for (const page of lazy.filter((chunk) => !isEditor(chunk.facadeModuleId))) {
        const size = weight([...entry, page.fileName]);
        this.info(`${page.name}: ${Math.round(size / 1000)} kB`);
        if (size > FIRST_BYTES_MAX) this.error(`${page.name} is too heavy: ${Math.round(size / 1000)} kB`);
      }
      const needsEditor = (chunk: (typeof lazy)[number]) => isEditor(chunk.facadeModuleId) || chunk.name === 'SearchPage';
      const editor = weight([...entry, ...lazy.filter(needsEditor).map((chunk) => chunk.fileName)]);
      this.info(`search with the editor: ${Math.round(editor / 1000)} kB`);
      if (editor > WITH_EDITOR_BYTES_MAX) this.error(`the search page is too heavy: ${Math.round(editor / 1000)} kB with the editor`);
    },
  };
}
