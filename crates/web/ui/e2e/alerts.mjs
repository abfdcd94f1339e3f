// The alerts in Chromium, from a person's side: `node e2e/alerts.mjs <base URL> [--shots DIR] [--over]`.
// The node must have an open alert of the monitor "Lambda error rate" (`--over`: one that is over), as the demo's bad deployment makes it.
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { accessible, tell } from './lib.mjs';

const MONITOR = 'Lambda error rate';
const { values, positionals } = parseArgs({ allowPositionals: true, options: { shots: { type: 'string' }, over: { type: 'boolean', default: false } } });
const base = (positionals[0] ?? 'http://127.0.0.1:8470').replace(/\/$/, '');
await tell('alerts', async (open) => {
  for (const theme of ['light', 'dark']) await story(open, theme);
});

async function story(open, theme) {
  const { context, page, step } = await open(theme, { theme, viewport: { width: 1440, height: 1000 } });
  const shot = (name) => (values.shots ? page.screenshot({ path: `${values.shots}/${name}-${theme}.png`, fullPage: true }) : null);

  step('the list of alerts');
  await page.goto(`${base}/search`);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Alerts' }).click();
  // Other functions may have alerts of this monitor, too.
  const row = page.locator('tr').filter({ has: page.getByRole('link', { name: MONITOR }), hasText: 'function=checkout-api' }).first();
  const link = row.getByRole('link', { name: MONITOR });
  await link.waitFor();
  assert.match(await row.innerText(), values.over ? /Resolved/ : /Critical|Warning/, 'the alert has its state in words');
  await accessible(page, theme, 'the list of alerts');
  await shot('alerts');

  step('the monitors');
  await page.getByRole('button', { name: /^Monitors/ }).click();
  await page.getByPlaceholder('Find a monitor').fill(MONITOR);
  const monitor = page.getByRole('button', { name: MONITOR });
  await monitor.click();
  await page.locator('.more pre').waitFor();
  assert.equal(await page.locator('tbody tr:not(.more)').count(), 1, 'the others are not shown');
  await accessible(page, theme, 'the monitors');
  await shot('monitors');

  step('the channels');
  await page.getByRole('button', { name: 'Channels' }).click();
  await page.getByRole('heading', { name: 'Told lately' }).waitFor();
  await accessible(page, theme, 'the channels');

  step('the mutes: one is made, and ended');
  await page.getByRole('button', { name: 'Mutes' }).click();
  const what = page.getByRole('textbox', { name: 'What', exact: true });
  await what.fill('function');
  await page.getByText('is no condition').waitFor();
  await what.fill(`function="checkout-api", e2e!="${theme}"`);
  if (!values.over) await page.getByText(/^Holds back \d+ open/).waitFor();
  await page.getByRole('textbox', { name: 'Your name' }).fill('Ann');
  await page.getByRole('textbox', { name: 'Why', exact: true }).fill('a rehearsal');
  await accessible(page, theme, 'the mutes');
  await shot('mutes');
  await page.getByRole('button', { name: 'Mute', exact: true }).click();
  const made = page.getByRole('button', { name: `End the mute of function="checkout-api", e2e!="${theme}"` });
  await made.click();
  await page.getByText('It is over').waitFor();
  await made.waitFor({ state: 'detached' });

  step('the page of an alert');
  await page.getByRole('button', { name: /^Active/ }).click();
  await link.click();
  await page.locator('.chart path').first().waitFor({ state: 'attached' });
  const line = await page.locator('.chart path').first().getAttribute('d');
  assert.ok(line.split('L').length > 5, 'the chart has a line');
  assert.match(await page.getByRole('img').getAttribute('aria-label'), /critical > 10/, 'the chart has the threshold');
  await page.locator('.log').filter({ hasText: 'TypeError' }).first().waitFor();
  const happened = await page.getByRole('region', { name: 'What happened' }).innerText();
  assert.match(happened, /Critical|Warning/, 'the history says when it began');
  await page.getByRole('region', { name: 'Runbook' }).waitFor();
  await accessible(page, theme, 'the page of an alert');
  await shot('alert');

  if (!values.over) {
    step('acknowledge');
    await page.getByRole('button', { name: 'Acknowledge' }).first().click();
    await page.getByLabel('Your name').fill('Ann');
    await page.getByLabel('Note').fill(`rolling back, ${theme}`);
    await page.locator('form').getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByText(`Acknowledged by Ann: rolling back, ${theme}`).waitFor();
  }

  step('the exact search');
  await page.getByRole('link', { name: 'Open search' }).click();
  await page.locator('.cm-content').waitFor();
  const address = new URL(page.url());
  assert.equal(address.searchParams.get('q'), 'level=ERROR', 'the search has the lines of the alert');
  assert.equal(address.searchParams.get('is'), 'function:checkout-api', 'narrowed to its group');
  await page.locator('.log').first().waitFor();
  await context.close();
}
