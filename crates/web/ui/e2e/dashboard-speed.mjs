// How long a dashboard takes in Chromium: `node e2e/dashboard-speed.mjs <base URL> <dashboard> <from> <to>`, the range as the page's address has it.
// Prints one JSON object: milliseconds from the navigation, and from a refresh by key, until every panel shows what it found; and those of the page alone, whose panels came from the first.
import assert from 'node:assert/strict';
import { tell } from './lib.mjs';

const [base, dashboard, from, to] = process.argv.slice(2);
const TIMES = 5;

await tell('speed', async (open) => {
  const found = { panels: 0, first_ms: [], refresh_ms: [] };
  for (let time = 0; time < TIMES; time += 1) {
    const { context, page } = await open('speed', { viewport: { width: 1600, height: 2400 }, timeout: 120_000, theme: 'light' });
    const address = `${base}/dashboards/${dashboard}?from=${from}&to=${to}`;
    found.first_ms.push(await timed(page, () => page.goto(address)));
    found.panels = await page.locator('.panel').count();
    const alert = page.locator('[role=alert]');
    if (await alert.count()) assert.fail(await alert.first().innerText());
    await page.waitForTimeout(500);
    found.refresh_ms.push(await timed(page, () => page.getByRole('button', { name: 'Refresh now' }).click()));
    await context.close();
  }
  console.log(JSON.stringify(found));
});

/** How long something takes, until nothing on the page is under way. */
async function timed(page, start) {
  const begin = performance.now();
  await start();
  await page.locator('.panel').first().waitFor();
  await page.waitForFunction(() => document.querySelector('.panel') && !document.querySelector('main [aria-busy=true], .panel .waiting'), undefined, { polling: 'raf' });
  return Math.round(performance.now() - begin);
}
