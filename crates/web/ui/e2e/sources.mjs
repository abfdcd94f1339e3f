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
  // A refusal is part of the story, and Chromium tells of it.
  const { context, page, step } = await open(theme, { theme, isExpected: (message) => /api\/v1\/sources/.test(message.location().url) });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
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
    await button('forwarders').click();
    const letters = page.getByRole('link', { name: 'What it could not read' });
    const address = new URL(await letters.getAttribute('href'), base);
    assert.match(address.searchParams.get('q'), /^_index=dead_letters _source="forwarders"/);
    await button('forwarders').click();
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

  await changes(page, theme, step, { fits, shot, button });

  step('from there to its events');
  await page.goto(`${base}/sources?${new URLSearchParams({ source: name })}`);
  await page.getByRole('link', { name: 'Its events' }).click();
  await page.locator('.cm-content').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('q'), `_source="${name}"`);
  await settle(page);
}

/** A source is added, paused, changed and removed; what the story makes, it removes. */
async function changes(page, theme, step, { fits, shot, button }) {
  const name = `e2e-${theme}`;
  const form = page.getByRole('form');
  const settings = form.getByRole('textbox', { name: 'Settings' });
  const row = page.locator('tr').filter({ has: button(name) });
  const edit = async (change) => settings.fill(JSON.stringify(change(JSON.parse(await settings.inputValue())), null, 2));

  step('a source is added by keys: its collector, what it needs, its settings');
  await page.getByRole('button', { name: 'Add a source' }).focus();
  await page.keyboard.press('Enter');
  const pick = form.getByRole('combobox', { name: 'Collector' });
  await pick.waitFor();
  await form.locator('select:focus').waitFor();
  await pick.selectOption('aws_cloudwatch_logs');
  await form.getByText('Pulls the events of AWS CloudWatch log groups.').waitFor();
  await form.getByRole('button', { name: 'Copy' }).click();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /logs:FilterLogEvents/);
  await accessible(page, theme, 'the form');
  await fits('the form');
  await shot('form');

  if (values.scripted) {
    step('a test shows what there is, or what is missing');
    await form.getByRole('button', { name: 'Test' }).click();
    await form.getByText('2 parts found, and 7 events in the first batch.').waitFor();
    await shot('test');
    await edit((all) => ({ ...all, region: 'nowhere' }));
    await form.getByRole('button', { name: 'Test' }).click();
    await form.getByText('allow logs:DescribeLogGroups').waitFor();
    await accessible(page, theme, 'a test that failed');
  }

  step('what cannot be is refused at its place');
  await pick.selectOption('sumo_http');
  assert.match(JSON.parse(await settings.inputValue()).token, /^[0-9a-f]{48}$/, 'a token of its own');
  await settings.fill('{');
  await form.getByRole('alert').filter({ hasText: 'This is no JSON' }).waitFor();
  assert.ok(await form.getByRole('button', { name: 'Add the source' }).isDisabled());
  await pick.selectOption('aws_cloudwatch_logs');
  await pick.selectOption('sumo_http');
  await edit((all) => ({ ...all, name: '' }));
  await form.getByRole('button', { name: 'Add the source' }).click();
  await form.getByRole('alert').filter({ hasText: 'is empty' }).waitFor();
  await edit((all) => ({ ...all, name }));
  await form.getByRole('button', { name: 'Test' }).click();
  await form.getByText('Its senders post to /receiver/v1/http/<token>').waitFor();
  await form.getByRole('button', { name: 'Add the source' }).click();
  await page.getByRole('status').filter({ hasText: `${name} is added.` }).waitFor();
  await row.waitFor();

  step('it is paused and goes on');
  await page.getByRole('button', { name: 'Pause' }).click();
  await row.getByText('paused', { exact: true }).waitFor();
  await accessible(page, theme, 'a paused source');
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('button', { name: 'Pause' }).waitFor();

  step('it is changed, and its secret is not shown');
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.waitForFunction(() => document.querySelector('form textarea')?.value.includes('***'));
  await edit((all) => ({ ...all, category: 'changed' }));
  await form.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('status').filter({ hasText: `${name} is changed.` }).waitFor();

  step('it is removed, after a question');
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await accessible(page, theme, 'the question');
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.getByRole('button', { name: 'Remove', exact: true }).click();
  await page.getByRole('button', { name: 'Remove the source' }).click();
  await page.getByRole('status').filter({ hasText: `${name} is removed` }).waitFor();
  await row.waitFor({ state: 'detached' });
}
