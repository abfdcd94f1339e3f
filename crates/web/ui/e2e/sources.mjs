// The sources in Chromium, from a person's side: `node e2e/sources.mjs <base URL> [--shots DIR] [--scripted]`.
// With `--scripted`, the stand-in server: one source of it fails and one is behind.
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { accessible, settle, tell } from './lib.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { shots: { type: 'string' }, scripted: { type: 'boolean' } } });
const base = (positionals[0] ?? process.env.NEPHOSCOPE_URL ?? 'http://127.0.0.1:8470').replace(/\/$/, '');

await tell('sources', async (open) => {
  for (const theme of ['light', 'dark']) await story(open, theme);
});

async function story(open, theme) {
  const { page, step } = await open(theme, { theme });
  const shot = async (name) => {
    if (!values.shots) return;
    await page.screenshot({ path: `${values.shots}/sources-${name}-${theme}.png`, fullPage: true });
    await page.setViewportSize({ width: 390, height: 844 });
    await page.screenshot({ path: `${values.shots}/sources-${name}-phone-${theme}.png` });
    await page.setViewportSize({ width: 1440, height: 900 });
  };
  const fits = async (where) => {
    await page.setViewportSize({ width: 390, height: 844 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, `${where} fits a phone`);
    await page.setViewportSize({ width: 1440, height: 900 });
  };
  const button = (name) => page.locator('.open').filter({ hasText: name });

  step('by keys, and by the rail');
  await page.goto(`${base}/help`);
  await page.locator('h2#keys').waitFor();
  for (const key of ['g', 'o']) await page.keyboard.press(key);
  await page.waitForURL(/\/sources$/);
  await page.goto(`${base}/help`);
  await page.getByRole('link', { name: 'Sources' }).click();
  await page.locator('main tbody tr').first().waitFor();
  await page.locator('td.num').filter({ hasText: /[1-9]/ }).first().waitFor();
  await accessible(page, theme, 'the list of sources');
  await fits('the list of sources');
  await shot('list');

  if (values.scripted) {
    step('trouble comes first, and says what it is');
    const names = await page.locator('.open .what').allInnerTexts();
    assert.deepEqual(names.slice(0, 2), ['azure-north-tables', 'gcp-prod-logs']);
    await page.locator('tr', { has: button('azure-north-tables') }).getByText('failing').waitFor();
    await page.getByText('1 failing, 1 in trouble').waitFor();
    await button('azure-north-tables').click();
    await page.getByText(/Storage Table Data Reader/).waitFor();
    await button('gcp-prod-logs').click();
  }

  step('a source is opened, its parts are told, and the address has it');
  const first = page.locator('.open[aria-expanded=false]').last();
  const name = (await first.locator('.what').innerText()).trim();
  await first.click();
  await page.locator('.more dl').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('source'), name);
  await accessible(page, theme, 'an open source');
  await fits('an open source');
  await shot('open');
  await page.reload();
  await page.locator('.more dl').waitFor();

  step('from there to its events');
  await page.getByRole('link', { name: 'Its events' }).click();
  await page.locator('.cm-content').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('q'), `_source="${name}"`);
  await settle(page);
}
