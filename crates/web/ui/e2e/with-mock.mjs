// Builds the UI, serves it with the stand-in server and tells the stories of `search.mjs`, with a million rows, of `dashboards.mjs`, of `lookup-tables.mjs` and of `sources.mjs`.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = new URL('..', import.meta.url).pathname;
const dist = mkdtempSync(join(tmpdir(), 'nephoscope-ui-'));
const node = (file, ...more) => spawnSync(process.execPath, [join(root, file), ...more], { cwd: root, stdio: 'inherit' }).status ?? 1;

let status = node('node_modules/vite/bin/vite.js', 'build', '--outDir', dist, '--emptyOutDir', '--logLevel', 'warn');
if (status === 0) {
  const server = spawn(process.execPath, [join(root, 'dev/server.mjs'), '0', dist], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [address] = await Promise.race([new Promise((resolve) => createInterface(server.stdout).once('line', (line) => resolve([line]))), new Promise((_, reject) => server.once('exit', () => reject(new Error('the stand-in server ended'))))]);
  status = node('e2e/search.mjs', address, '--query', '"checkout" million', '--million', '--scripted', ...process.argv.slice(2));
  if (status === 0) status = node('e2e/dashboards.mjs', address, '--dashboard', 'demo/overview', ...process.argv.slice(2));
  if (status === 0) status = node('e2e/lookup-tables.mjs', address, ...process.argv.slice(2));
  if (status === 0) status = node('e2e/sources.mjs', address, '--scripted', ...process.argv.slice(2));
  server.kill();
}
rmSync(dist, { recursive: true, force: true });
process.exitCode = status;
