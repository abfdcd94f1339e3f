// The search page in Chromium, from a person's side: `node e2e/search.mjs <base URL> [options]`.
// --query TEXT   what to type (default `*`); it must find events in the range
// --range TEXT   what to type as range (default `-24h`)
// --million      the stand-in server: a million events, a line of 1.2 MB and a slow search
// --scripted     the node is `dev/server.mjs`, which has a line of 1.2 MB and a slow search: open the one, cancel the other
// --shots DIR    keep screenshots of both themes
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { columns, context as neighbours, filters, zones } from './filters.mjs';
import { explain, help, metrics, sql } from './languages.mjs';
import { accessible, picture, pickRange, setQuery, settle, tell, typeQuery } from './lib.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { query: { type: 'string', default: '*' }, range: { type: 'string', default: '-24h' }, million: { type: 'boolean', default: false }, scripted: { type: 'boolean', default: false }, shots: { type: 'string' } },
});
const base = (positionals[0] ?? process.env.NEPHOSCOPE_URL ?? 'http://127.0.0.1:8470').replace(/\/$/, '');

await tell('search page', async (open) => {
  for (const theme of ['light', 'dark']) await story(open, theme);
});

async function story(open, theme) {
  // Chromium itself reports that a query with a mistake was refused, which the story asks for.
  const isRefusal = (message) => message.text().includes('status of 400') && message.location().url.endsWith('/api/v1/search/jobs');
  const { context, page, step } = await open(theme, { theme, isExpected: isRefusal });

  step('load');
  await page.goto(`${base}/search?q=*&from=-15m&to=now`);
  const editor = page.locator('.cm-content');
  await editor.waitFor();

  step('type a range and a query, run');
  await pickRange(page, values.range);
  await typeQuery(page, editor, values.query);
  const messages = await settle(page);
  assert.ok(messages.total > 0, 'the search finds events');
  assert.equal(new URL(page.url()).searchParams.get('q'), values.query);
  if (values.shots) await page.screenshot({ path: `${values.shots}/search-${theme}.png` });
  await accessible(page, theme, 'messages');

  step('brush the histogram with the mouse, and go back');
  const before = page.url();
  await brush(page);
  const zoomed = await settle(page);
  assert.notEqual(page.url(), before, 'the range is in the address');
  assert.ok(zoomed.total > 0 && zoomed.total <= messages.total, `the part (${zoomed.total}) is not more than the whole (${messages.total})`);

  step('brush with keys');
  const inMouse = page.url();
  await page.locator('.chart').first().focus();
  for (const key of ['ArrowLeft', 'Shift+ArrowRight', 'Shift+ArrowRight', 'Enter']) await page.keyboard.press(key);
  await page.waitForFunction((old) => location.href !== old, inMouse);
  await settle(page);
  await page.goBack();
  await page.waitForFunction((old) => location.href === old, inMouse);
  await settle(page);

  step('expand a row');
  await page.locator('.log').first().click();
  await page.locator('.open').waitFor();
  assert.match(page.url(), /[?&]row=0\./);
  if (values.shots) await page.screenshot({ path: `${values.shots}/open-${theme}.png` });
  await accessible(page, theme, 'an open row');
  const seen = await picture(page);

  step('reload and see the same');
  await page.reload();
  await settle(page);
  await page.locator('.open').waitFor();
  assert.deepEqual(await picture(page), seen);

  step('the value menu, by keys');
  await page.locator('.open dl .value').first().click();
  await page.locator('[role=menu]').waitFor();
  await accessible(page, theme, 'the value menu');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('[role=menu]').count(), 0);

  step('move and open with keys');
  await page.locator('[role=grid]').focus();
  await page.keyboard.press('j');
  await page.keyboard.press('o');
  await page.waitForFunction(() => /row=0\.[^,]+,1\./.test(decodeURIComponent(location.search)) || document.querySelectorAll('.log').length < 2);

  await aggregates(page, editor, theme, step);
  await mistakes(page, editor, step);
  if (values.million) await million(page, editor, step);
  if (values.scripted) await cancel(page, editor, step);

  const isReal = !values.scripted;
  await pickRange(page, values.range);
  await filters(page, editor, theme, step, values.query, isReal);
  await columns(page, theme, step);
  await zones(page, step);
  await neighbours(page, theme, step, isReal);
  if (values.shots) await page.screenshot({ path: `${values.shots}/facets-${theme}.png` });
  await explain(page, theme, step);
  await sql(page, editor, theme, step);
  await metrics(page, editor, theme, step);
  await help(page, editor, base, theme, step);
  if (values.shots) await page.screenshot({ path: `${values.shots}/help-${theme}.png` });

  await noRange(context, step);

  step('the other theme, by its switch');
  await page.getByRole('button', { name: theme === 'dark' ? 'Light' : 'Dark', exact: true }).click();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), theme === 'dark' ? 'light' : 'dark');

  step('how to get data in');
  await page.goto(`${base}/welcome`);
  await page.locator('pre.code').first().waitFor();
  await accessible(page, theme, 'first run');
  if (values.shots) await page.screenshot({ path: `${values.shots}/welcome-${theme}.png` });
  await context.close();
}

async function aggregates(page, editor, theme, step) {
  step('aggregates as chart and table');
  await typeQuery(page, editor, `${values.query}\n| timeslice 1m\n| count by _timeslice, level`);
  await settle(page);
  await page.locator('table').waitFor();
  assert.ok((await page.locator('tbody tr').count()) > 0, 'the table has rows');
  for (const kind of ['Line', 'Columns', 'Pie', 'Table']) {
    await page.getByRole('button', { name: kind, exact: true }).click();
    assert.equal(await page.locator('.view .seg [aria-pressed=true]').innerText(), kind);
    await accessible(page, theme, `aggregates as ${kind}`);
    if (values.shots) await page.screenshot({ path: `${values.shots}/${kind.toLowerCase()}-${theme}.png` });
  }
  assert.match(page.url(), /chart=table/);
}

async function mistakes(page, editor, step) {
  step('a mistake is underlined, completion offers operators');
  await setQuery(page, editor, '* | timeslise 1m | count');
  await page.locator('.cm-lintRange-error').waitFor();
  await setQuery(page, editor, '* | wh');
  await page.locator('.cm-tooltip-autocomplete').getByText('where', { exact: true }).first().waitFor();
  await page.keyboard.press('Escape');
}

async function million(page, editor, step) {
  step('a million rows stay light');
  await pickRange(page, values.range);
  await typeQuery(page, editor, values.query);
  const { total } = await settle(page);
  assert.ok(total >= 1_000_000, `${total} rows are a million`);
  await page.evaluate(() => {
    window.longest = 0;
    let last = performance.now();
    const frame = (now) => {
      window.longest = Math.max(window.longest, now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  const grid = page.locator('[role=grid]');
  for (const part of [0.1, 0.5, 0.9, 1, 0.3, 0]) {
    await grid.evaluate((element, to) => (element.scrollTop = to * element.scrollHeight), part);
    await page.waitForFunction(() => [...document.querySelectorAll('.log')].length > 10 && ![...document.querySelectorAll('.log')].some((row) => row.innerText.includes('closed\n…')));
  }
  const longest = await page.evaluate(() => window.longest);
  const rows = await page.locator('.log').count();
  assert.ok(rows < 100, `${rows} rows are drawn`);
  assert.ok(longest < 1000, `the longest frame took ${longest} ms`);
  step(`longest frame ${Math.round(longest)} ms, ${rows} rows drawn`);
}

async function cancel(page, editor, step) {
  step('a long line opens in parts');
  await page.locator('.log').nth(12).click();
  await page.getByRole('button', { name: /^Show all 1.2/ }).click();
  await page.waitForFunction(() => document.querySelector('.open .raw').innerText.length > 1_000_000);

  step('a slow search is cancelled, and what it found stays');
  await setQuery(page, editor, 'slow');
  await page.keyboard.press('ControlOrMeta+Enter');
  await page.getByText('still searching').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('cancelled, incomplete').waitFor();
  assert.ok((await page.locator('.log').count()) > 10);
  await page.locator('[role=grid]').evaluate((element) => (element.scrollTop = element.scrollHeight));
  await page.waitForTimeout(500);
  assert.equal(await page.locator('[role=alert]').count(), 0, 'what is no longer kept is not an error');
}

/** An address may say anything. */
async function noRange(context, step) {
  step('a range that is none is said, and another one chosen');
  const page = await context.newPage();
  await page.goto(`${base}/search?q=*&from=banana&to=now`);
  await page.getByText('“banana” is no time').waitFor();
  assert.equal(await page.locator('.hist').count(), 0, 'nothing was counted');
  await page.getByRole('button', { name: 'Choose a range' }).click();
  await page.getByRole('textbox', { name: 'Time range' }).fill('-15m');
  await page.keyboard.press('Enter');
  await page.locator('.hist rect').first().waitFor();
  assert.equal(await page.locator('[role=alert]').count(), 0);
  await page.close();
}

async function brush(page) {
  // From the first to the last bar that has events, less a little, so that something is found.
  const boxes = await page.locator('.hist rect').evaluateAll((all) => all.map((rect) => ({ x: rect.getBoundingClientRect().x, width: rect.getBoundingClientRect().width })));
  const first = Math.min(...boxes.map((box) => box.x));
  const last = Math.max(...boxes.map((box) => box.x + box.width));
  const chart = await page.locator('.chart').first().boundingBox();
  const y = chart.y + 40;
  const url = page.url();
  await page.mouse.move(Math.max(chart.x + 42, (first + last) / 2 - 6), y);
  await page.mouse.down();
  await page.mouse.move(Math.min(chart.x + chart.width - 6, last + 8), y, { steps: 8 });
  await page.locator('.pill').waitFor();
  await page.mouse.up();
  await page.waitForFunction((old) => location.href !== old, url);
}
