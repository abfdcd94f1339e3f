// Pictures of all dashboards in both themes: `node e2e/pictures.mjs <base URL> <folder>`, as <folder>/<app>-<name>-<theme>.jpg.
import assert from 'node:assert/strict';
import { tell } from './lib.mjs';

const [base, folder] = process.argv.slice(2);
/** Small enough to be kept beside the code. */
const SCALE = 0.5;

await tell('pictures', async (open) => {
  const { apps } = await (await fetch(`${base}/api/v1/dashboards`)).json();
  const ids = apps.flatMap((app) => app.dashboards.map((dashboard) => dashboard.id));
  assert.ok(ids.length > 0, 'there are dashboards');
  for (const theme of ['light', 'dark']) {
    const { context, page } = await open(theme, { theme, timeout: 60_000, viewport: { width: 1440, height: 900 }, scale: SCALE });
    for (const id of ids) {
      await page.goto(`${base}/dashboards/${id}`);
      await page.locator('.panel').first().waitFor();
      await page.waitForFunction(() => !document.querySelector('main [aria-busy=true], .panel .waiting'));
      const alert = page.locator('[role=alert]');
      if (await alert.count()) assert.fail(`${id}: ${await alert.first().innerText()}`);
      await page.screenshot({ path: `${folder}/${id.replace('/', '-')}-${theme}.jpg`, type: 'jpeg', quality: 60, fullPage: true });
    }
    await context.close();
  }
});
